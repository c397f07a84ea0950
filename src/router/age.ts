/**
 * How much one Child SA may carry before it is rekeyed, whatever its lifetime says. The IKE core counts time; packets and
 * bytes are counted where they pass.
 */
import type { SaTraffic } from "../datapath/plane.ts";
import { JITTER } from "./peers.ts";

export interface AgeLimits {
  /** Packets sent. Without ESN half of the 2^32 sequence numbers at most: none may be used twice (RFC 4303 §3.3.3). */
  readonly packets: number;
  /** Bytes sent. */
  readonly bytes: number;
}

const WITHOUT_ESN = 2 ** 31;

/** `random`: 0–1, chosen once for each SA; up to a tenth is taken off, so that not all SAs reach their limits at once. */
export function ageLimits(limits: AgeLimits, esn: boolean, random: number): AgeLimits {
  const share = 1 - JITTER * random;
  return {
    packets: Math.floor(Math.min(limits.packets, esn ? Number.POSITIVE_INFINITY : WITHOUT_ESN) * share),
    bytes: Math.floor(limits.bytes * share),
  };
}

/** What has been reached; undefined: the SA is young enough. */
export function outgrown(outbound: SaTraffic, limits: AgeLimits): "packets" | "bytes" | undefined {
  if (outbound.sequence >= BigInt(limits.packets)) return "packets";
  return outbound.bytes >= limits.bytes ? "bytes" : undefined;
}
