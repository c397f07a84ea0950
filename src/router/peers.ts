/** A tunnel's settings → what the IKE core wants to know of the peer. */
import type { TrafficSelector } from "../ike/effect.ts";
import type { Identity, PeerConfig } from "../ike/peer.ts";
import { parseAddress, prefixOf, rangeOf } from "./address.ts";
import type { Secrets } from "./config/config.ts";
import { type ConfigIdentity, identityBytes } from "./config/identity.ts";
import { RouterError } from "./error.ts";
import type { PeerSettings } from "./resource.ts";

/** Part of a lifetime that is given away at random, so that many tunnels do not rekey at once. */
export const JITTER = 0.1;

/**
 * `secrets`: the pre-shared key is copied out of them. `workers`: how many of each Child SA there shall be.
 *
 * @throws RouterError apply-failed: the pre-shared key is not there.
 */
export function peerConfig(tunnel: string, settings: PeerSettings, secrets: Secrets, workers: number): PeerConfig {
  const { peer, local, auth, start, ike, esp, children, dpdMs, encapsulation } = settings;
  return {
    name: tunnel,
    ...(peer.address === null ? {} : { remote: { address: bytes(peer.address), port: peer.port } }),
    ...(peer.from === null ? {} : { from: peer.from.map(bytes) }),
    ...(local.address === null ? {} : { local: bytes(local.address) }),
    localId: identity(local.identity),
    remoteId: identity(peer.identity),
    auth: auth.kind === "psk" ? { kind: "psk", secret: secretOf(tunnel, auth.secret, secrets) } : auth,
    initiate: start === "initiate",
    ikeProposals: ike.proposals,
    ikeLifetime: { ms: ike.lifetimeMs, jitter: JITTER },
    children: children.map((child) => ({
      name: child.name,
      local: child.local.map(selector),
      remote: child.remote.map(selector),
      espProposals: esp.proposals,
      lifetime: { ms: esp.lifetimeMs, jitter: JITTER },
      copies: workers,
    })),
    dpd: dpdMs,
    encapsulation,
  };
}

/** A copy of a pre-shared key. */
function secretOf(tunnel: string, name: string, secrets: Secrets): Uint8Array {
  const secret = secrets.get(name);
  if (!secret) throw new RouterError("apply-failed", `there is no secret for tunnel "${tunnel}"`, "Give one");
  return new Uint8Array(secret);
}

function identity(id: ConfigIdentity): Identity {
  return { type: id.type, data: identityBytes(id) };
}

function selector(prefix: string): TrafficSelector {
  return { protocol: 0, portLow: 0, portHigh: 65535, ...rangeOf(prefixOf(prefix)) };
}

function bytes(address: string): Uint8Array {
  return parseAddress(address) as Uint8Array;
}
