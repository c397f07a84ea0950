/** A peer's configuration changes: what that means for an IKE SA and for Child SAs that are up. */
import { type Neighbour, proposalsOf } from "./neighbour.ts";
import { endpointText } from "./octets.ts";
import type { ChildConfig, Identity, PeerConfig } from "./peer.ts";
import { sameSelector } from "./selector.ts";
import { equal } from "./suite/index.ts";
import { deleteChild, watchChild, watchIke } from "./watch.ts";

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

/** Another configuration that the running IKE SA can live with. Throws SuiteError for a proposal that is none; nothing has changed then. */
export function reconfigure(neighbour: Neighbour, config: PeerConfig): void {
  const { realm, current } = neighbour;
  neighbour.ikeProposals = proposalsOf(config);
  neighbour.config = config;
  realm.directory.add(neighbour);
  neighbour.wanted = config.initiate;
  if (!neighbour.wanted) {
    neighbour.timers.clearAll();
    neighbour.provision.stop();
  }
  if (current !== undefined && !neighbour.mayComeFrom(current.path.remote.address)) {
    const text = `${neighbour.title} may no longer come from ${endpointText(current.path.remote)}; its IKE SA is ended.`;
    realm.event("info", "ike-down", text, neighbour.name);
    neighbour.close(current);
  }
  if (neighbour.current === undefined) {
    if (neighbour.wanted) neighbour.connect();
    return;
  }
  for (const child of [...neighbour.children]) {
    const now = config.children.find(({ name }) => name === child.name);
    if (now !== undefined && sameChild(child.config, now)) {
      child.config = now;
      if (child.state === "up") watchChild(child);
    } else {
      deleteChild(child);
    }
  }
  watchIke(neighbour.current);
  neighbour.provision.ensure();
}
