/** A peer that has proved, by its token, that it lost an IKE SA (RFC 6290 §4.5). */
import type { IkeSa } from "./sa.ts";

/** The IKE SA and its Child SAs go without a word; a peer that shall be up is asked for new ones now, any other begins itself. */
export function restarted(sa: IkeSa): void {
  const { realm, neighbour } = sa;
  const inUse = neighbour?.current === sa;
  sa.end();
  if (neighbour === undefined || !inUse) return;
  const text = `${neighbour.title} has started anew and says so with the token that it gave us; its old IKE SA and Child SAs are removed.`;
  realm.event("info", "peer-restarted", text, neighbour.name);
  if (neighbour.wanted) neighbour.connect();
}
