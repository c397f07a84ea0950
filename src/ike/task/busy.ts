import type { Neighbour } from "../neighbour.ts";
import { Refusal } from "../refusal.ts";
import type { IkeSa } from "../sa.ts";
import { NOTIFY } from "../wire/index.ts";
import type { TaskKind } from "./task.ts";

/** "Not now": the peer tries again (RFC 7296 §2.25). */
export function notNow(): Refusal {
  const text = "The request crossed with another exchange; the peer is asked to try again.";
  return new Refusal(NOTIFY.TEMPORARY_FAILURE, "temporary-failure", text);
}

/**
 * The peer of an IKE SA that may begin a CREATE_CHILD_SA exchange now. Throws TEMPORARY_FAILURE when the IKE SA is being
 * replaced or closed, or when a request of ours of one of these kinds is under way (RFC 7296 §2.25.1, §2.25.2).
 */
export function busy(sa: IkeSa, ...kinds: readonly TaskKind[]): Neighbour {
  const waiting = sa.window.waiting?.kind;
  const crosses = waiting !== undefined && kinds.includes(waiting);
  if (sa.state !== "up" || !sa.adopted || sa.neighbour === undefined || crosses) throw notNow();
  return sa.neighbour;
}
