// ESP in UDP: RFC 4303 §2, RFC 3948 §2.1, with the IV and ICV of RFC 4106 §3 and RFC 7634 §2. Offsets in bytes.
//
//   0 SPI   4 sequence number, low half   8 IV   16 text: inner packet · padding 1, 2, 3 … · pad length · next header   … ICV 16

import { ESP_HEADER, ESP_ICV, ESP_IV, ESP_TRAILER } from "../layout/sa";

export const ESP_SPI = 0;
export const ESP_SEQUENCE = 4;
/** Where the text begins. */
export const ESP_TEXT: u32 = ESP_HEADER + ESP_IV;
/** The shortest datagram that can be opened to something with a trailer. */
export const ESP_MINIMUM: u32 = ESP_TEXT + ESP_TRAILER + ESP_ICV;
/** The most that is added to an inner packet: header, IV, padding, trailer, ICV. */
export const ESP_OVERHEAD: u32 = ESP_TEXT + 3 + ESP_TRAILER + ESP_ICV;

/** RFC 3948: the non-ESP marker in front of IKE messages, and the NAT keepalive. */
export const NON_ESP_MARKER: u32 = 0;
export const NON_ESP_MARKER_LENGTH: u32 = 4;
export const NAT_KEEPALIVE: u32 = 0xff;

/** IKE header, RFC 7296 §3.1: its size, and where the length of the message stands. */
export const IKE_HEADER: u32 = 28;
export const IKE_LENGTH: u32 = 24;

/** Padding bytes so that the text ends on a multiple of 4 (RFC 4303 §2.4). */
// @ts-ignore: decorator
@inline
export function padFor(bytes: u32): u32 {
  return (0 - (bytes + ESP_TRAILER)) & 3;
}
