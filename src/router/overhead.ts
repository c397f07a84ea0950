/**
 * How much room a path leaves for an inner packet. Around it, ESP in UDP puts (RFC 4303 §2, RFC 3948 §2.1):
 *
 *   IP 20 or 40 · UDP 8 · SPI and sequence 8 · IV 8 · [ inner packet · padding · pad length 1 · next header 1 ] · ICV 16
 *
 * The part in brackets is a multiple of 4 bytes, so padding takes 0–3. Hence, for a path of M bytes and fixed parts of F
 * (60 with IPv4, 80 with IPv6 outside), the largest inner packet is ⌊(M − F) / 4⌋ · 4 − 2: 1438 and 1418 for M = 1500.
 */

const UDP = 8;
const ESP_HEADER = 8;
const IV = 8;
const ICV = 16;
const TRAILER = 2;
const ALIGNMENT = 4;

/** MTU that is assumed where the kernel knows no way to the peer yet. */
export const ETHERNET_MTU = 1500;

/** Largest inner packet, bytes, for outer packets of at most `pathMtu` bytes. At least 68 (RFC 791), whatever the path. */
export function innerMtu(pathMtu: number, outerFamily: 4 | 6): number {
  const fixed = (outerFamily === 4 ? 20 : 40) + UDP + ESP_HEADER + IV + ICV;
  return Math.max(68, Math.floor((pathMtu - fixed) / ALIGNMENT) * ALIGNMENT - TRAILER);
}
