/** What must happen to an SA in time: rekeying before its keys are old, dead peer detection, NAT keepalives. */
import type { Child } from "./child.ts";
import type { Lifetime } from "./peer.ts";
import type { IkeSa } from "./sa.ts";
import { ChildRekey } from "./task/child-rekey.ts";
import { IkeRekey } from "./task/ike-rekey.ts";
import { ChildDelete, Probe } from "./task/informational.ts";

/** The first measurement of the round trip comes so long after the IKE SA, when its first exchanges are over. Milliseconds. */
const FIRST_MEASURE = 1_000;
/** What could not be rekeyed ends after this many lifetimes. */
const OVERTIME = 1.5;

function lifetime(life: Lifetime, owner: IkeSa | Child, rekey: () => void, expire: () => void): void {
  owner.timers.clear("rekey");
  owner.timers.clear("expire");
  if (life.ms <= 0) return;
  const realm = "sa" in owner ? owner.sa.realm : owner.realm;
  const age = realm.now - owner.since;
  owner.timers.set("rekey", realm.jittered(life.ms, life.jitter) - age, rekey);
  owner.timers.set("expire", life.ms * OVERTIME - age, expire);
}

/** Begins to look after an IKE SA that is up; again when its configuration has changed. */
export function watchIke(sa: IkeSa): void {
  const neighbour = sa.neighbour!;
  lifetime(
    neighbour.config.ikeLifetime,
    sa,
    () => rekeyIke(sa),
    () => {
      const text = `The IKE SA with ${neighbour.title} could not be rekeyed in time; it is built anew.`;
      sa.realm.event("warn", "ike-expired", text, neighbour.name);
      const { wanted } = neighbour;
      neighbour.close(sa);
      if (wanted) neighbour.connect();
    },
  );
  detectDeath(sa);
  keepAlive(sa);
}

/** Asks the peer for a new IKE SA. */
export function rekeyIke(sa: IkeSa): void {
  if (sa.state !== "up" || !sa.adopted || sa.has("ike-rekey")) return;
  sa.enqueue(new IkeRekey(sa.neighbour!));
  sa.pump();
}

/** Begins to look after a Child SA. */
export function watchChild(child: Child): void {
  lifetime(
    child.config.lifetime,
    child,
    () => rekeyChild(child),
    () => {
      const { neighbour, realm } = child.sa;
      const text = `Child SA ${child.name} could not be rekeyed in time; it is deleted and asked for anew.`;
      realm.event("warn", "child-expired", text, neighbour!.name);
      deleteChild(child);
      neighbour!.provision.missing(child.name, child.copy);
    },
  );
}

/** Asks the peer for a new Child SA in place of this one. */
export function rekeyChild(child: Child): void {
  if (child.state !== "up") return;
  child.sa.enqueue(new ChildRekey(child.sa.neighbour!, child));
  child.sa.pump();
}

/** Tells the peer that this Child SA ends. */
export function deleteChild(child: Child): void {
  if (child.state === "deleting" || child.state === "gone") return;
  child.state = "deleting";
  child.timers.clearAll();
  child.sa.enqueue(new ChildDelete(child.terms.spiIn, child));
  child.sa.pump();
}

/** RFC 7296 §2.4: no authentic traffic for a while, so the peer is asked. The answer also measures the round trip. */
function detectDeath(sa: IkeSa): void {
  const { realm } = sa;
  const { dpd } = sa.neighbour!.config;
  if (dpd <= 0) {
    sa.timers.clear("dpd");
    return;
  }
  const quiet = sa.heardAt + dpd;
  const unmeasured =
    sa.rttMs === undefined ? sa.since + FIRST_MEASURE : sa.measuredAt + Math.max(dpd, realm.options.measure);
  const due = Math.min(quiet, unmeasured);
  if (due > realm.now) {
    sa.timers.set("dpd", due - realm.now, () => detectDeath(sa));
    return;
  }
  // A request that waits for its answer asks as well.
  if (sa.window.waiting === undefined && !sa.has("probe")) sa.enqueue(new Probe());
  sa.timers.set("dpd", dpd, () => detectDeath(sa));
  sa.pump();
}

/**
 * Somebody says, in the clear, that the peer does not know an SA of ours: it is asked now whether it lives, but one of them not twice
 * within a second however often that is said, and not too many at all (RFC 7296 §2.4, §2.21.4).
 */
export function askAtOnce(sa: IkeSa): void {
  const { realm, window } = sa;
  if (sa.state !== "up" || !sa.adopted || realm.now - sa.hintedAt < realm.options.recovery.again) return;
  if (!realm.mayAskForHint()) return;
  sa.hintedAt = realm.now;
  // It may have been asked while it was away, and the next copy be seconds off.
  if (window.waiting !== undefined) window.repeat();
  else if (!sa.has("probe")) {
    sa.enqueue(new Probe(), true);
    sa.pump();
  }
}

/** RFC 3948 §4: the NAT in front of us forgets its mapping when we are silent. */
function keepAlive(sa: IkeSa): void {
  const { realm } = sa;
  if (!sa.natLocal || !sa.encapsulated) return;
  const due = sa.sentAt + realm.options.keepalive;
  if (due <= realm.now) {
    realm.emit({ kind: "keepalive", path: sa.path });
    sa.sentAt = realm.now;
  }
  sa.timers.set("keepalive", sa.sentAt + realm.options.keepalive - realm.now, () => keepAlive(sa));
}
