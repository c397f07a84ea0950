/**
 * NAT detection, RFC 7296 §2.23: each side sends hashes of both ends as it sees them; where a hash does not fit what the
 * other side sees, an address was translated on the way.
 */
import { sha1 } from "@noble/hashes/legacy.js";
import type { Endpoint, Path } from "./effect.ts";
import { equal, join, spi64 } from "./suite/index.ts";
import { NOTIFY, type NotifyPayload, notifyOf, type Payload, payloadsOf } from "./wire/index.ts";

const STANDARD_PORTS = [500, 4500];

/** SHA1(SPIi | SPIr | address | port). SHA-1 is what the standard says; nothing rests on its strength. */
function detectionHash(spiI: bigint, spiR: bigint, end: Endpoint): Uint8Array {
  return sha1(join(spi64(spiI), spi64(spiR), end.address, Uint8Array.of(end.port >>> 8, end.port)));
}

const PREFIX = 12;
const MARK = new TextEncoder().encode("vcpe: no NAT, ESP in UDP");

/**
 * Instead of a hash: the first 12 bytes of it, and 8 more which fit no hash, so that a peer believes in a NAT and puts ESP into
 * UDP. Who knows this form, as our own routers do, learns from the 12 bytes whether there is a NAT all the same.
 */
function spoiled(hash: Uint8Array): Uint8Array {
  const prefix = hash.subarray(0, PREFIX);
  return join(prefix, sha1(join(MARK, prefix)).subarray(PREFIX));
}

/** The two notifications of an IKE_SA_INIT message. With `spoil` the source hash fits nothing. */
export function natPayloads(spiI: bigint, spiR: bigint, path: Path, spoil: boolean): NotifyPayload[] {
  const source = detectionHash(spiI, spiR, path.local);
  return [
    notifyOf(NOTIFY.NAT_DETECTION_SOURCE_IP, spoil ? spoiled(source) : source),
    notifyOf(NOTIFY.NAT_DETECTION_DESTINATION_IP, detectionHash(spiI, spiR, path.remote)),
  ];
}

/**
 * none: its address is its own. translated: it is behind a NAT. forced: it is not, and says so to have ESP in UDP. claimed: it
 * says so, and whether that is true cannot be known, as some routers do that to have ESP in UDP.
 */
export type RemoteNat = "none" | "translated" | "forced" | "claimed";

export interface NatFinding {
  /** The peer speaks of NAT at all; else it does no ESP in UDP. */
  readonly supported: boolean;
  /** Our address is translated on the way to the peer. */
  readonly local: boolean;
  readonly remote: RemoteNat;
}

/** What the notifications in a peer's IKE_SA_INIT message say; `path` is that of the datagram they came in. */
export function findNat(payloads: readonly Payload[], spiI: bigint, spiR: bigint, path: Path): NatFinding {
  const hashes = (type: number) =>
    payloadsOf(payloads, "notify")
      .filter((payload) => payload.notify === type)
      .map((payload) => payload.data);
  const sources = hashes(NOTIFY.NAT_DETECTION_SOURCE_IP);
  const destinations = hashes(NOTIFY.NAT_DETECTION_DESTINATION_IP);
  if (sources.length === 0 || destinations.length === 0) return { supported: false, local: false, remote: "none" };
  const local = detectionHash(spiI, spiR, path.local);
  return {
    supported: true,
    local: !destinations.some((hash) => equal(hash, local)),
    remote: remoteNat(sources, detectionHash(spiI, spiR, path.remote), path.remote.port),
  };
}

/** `seen`: the hash of where the peer's message came from. */
function remoteNat(sources: readonly Uint8Array[], seen: Uint8Array, port: number): RemoteNat {
  if (sources.some((hash) => equal(hash, seen))) return "none";
  const ours = sources.filter((hash) => equal(hash, spoiled(hash)));
  if (ours.length > 0) return ours.some((hash) => equal(hash, spoiled(seen))) ? "forced" : "translated";
  // Nobody begins on another port than these two but a NAPT (RFC 7296 §2.23).
  return STANDARD_PORTS.includes(port) ? "claimed" : "translated";
}
