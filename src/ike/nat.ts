/**
 * NAT detection, RFC 7296 §2.23: each side sends hashes of both ends as it sees them; where a hash does not fit what the
 * other side sees, an address was translated on the way.
 */
import { sha1 } from "@noble/hashes/legacy.js";
import type { Endpoint, Path } from "./effect.ts";
import { equal, join, spi64 } from "./suite/index.ts";
import { NOTIFY, type NotifyPayload, notifyOf, type Payload, payloadsOf } from "./wire/index.ts";

/** SHA1(SPIi | SPIr | address | port). SHA-1 is what the standard says; nothing rests on its strength. */
function detectionHash(spiI: bigint, spiR: bigint, end: Endpoint): Uint8Array {
  return sha1(join(spi64(spiI), spi64(spiR), end.address, Uint8Array.of(end.port >>> 8, end.port)));
}

/**
 * The two notifications of an IKE_SA_INIT message. With `spoil` the source hash fits nothing, so that the peer believes in a
 * NAT and puts ESP into UDP.
 */
export function natPayloads(
  spiI: bigint,
  spiR: bigint,
  path: Path,
  spoil: boolean,
  random: (n: number) => Uint8Array,
): NotifyPayload[] {
  const source = spoil ? random(20).slice() : detectionHash(spiI, spiR, path.local);
  return [
    notifyOf(NOTIFY.NAT_DETECTION_SOURCE_IP, source),
    notifyOf(NOTIFY.NAT_DETECTION_DESTINATION_IP, detectionHash(spiI, spiR, path.remote)),
  ];
}

export interface NatFinding {
  /** The peer speaks of NAT at all; else it does no ESP in UDP. */
  readonly supported: boolean;
  /** Our address is translated on the way to the peer. */
  readonly local: boolean;
  /** The peer's address is translated, or the peer says so to have ESP in UDP. */
  readonly remote: boolean;
}

/** What the notifications in a peer's IKE_SA_INIT message say; `path` is that of the datagram they came in. */
export function findNat(payloads: readonly Payload[], spiI: bigint, spiR: bigint, path: Path): NatFinding {
  const hashes = (type: number) =>
    payloadsOf(payloads, "notify")
      .filter((payload) => payload.notify === type)
      .map((payload) => payload.data);
  const sources = hashes(NOTIFY.NAT_DETECTION_SOURCE_IP);
  const destinations = hashes(NOTIFY.NAT_DETECTION_DESTINATION_IP);
  if (sources.length === 0 || destinations.length === 0) return { supported: false, local: false, remote: false };
  const remote = detectionHash(spiI, spiR, path.remote);
  const local = detectionHash(spiI, spiR, path.local);
  return {
    supported: true,
    local: !destinations.some((hash) => equal(hash, local)),
    remote: !sources.some((hash) => equal(hash, remote)),
  };
}
