/** What may change in a peer's configuration without a new IKE SA or Child SA. */
import type { ChildConfig, Identity, PeerConfig } from "./peer.ts";
import { sameSelector } from "./selector.ts";
import { equal } from "./suite/index.ts";

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equal(a, b);
}

function sameIdentity(a: Identity, b: Identity): boolean {
  return a.type === b.type && equal(a.data, b.data);
}

/** Who the two are, how they prove it, and where they are: what the running IKE SA was built on. */
export function needsNewIkeSa(before: PeerConfig, after: PeerConfig): boolean {
  return !(
    sameIdentity(before.localId, after.localId) &&
    sameIdentity(before.remoteId, after.remoteId) &&
    before.auth.kind === after.auth.kind &&
    equal(before.auth.secret, after.auth.secret) &&
    sameBytes(before.local, after.local) &&
    sameBytes(before.remote?.address, after.remote?.address) &&
    before.remote?.port === after.remote?.port &&
    before.encapsulation === after.encapsulation
  );
}

/** What the running Child SA was built on is the same; its lifetime may differ. */
export function sameChild(before: ChildConfig, after: ChildConfig): boolean {
  const sameList = (a: ChildConfig["local"], b: ChildConfig["local"]) =>
    a.length === b.length && a.every((selector, i) => sameSelector(selector, b[i]));
  return (
    before.name === after.name &&
    sameList(before.local, after.local) &&
    sameList(before.remote, after.remote) &&
    before.espProposals.join() === after.espProposals.join()
  );
}
