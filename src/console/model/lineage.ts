/**
 * The directory of an intent, without building it anew for each. One directory is kept; it stands at one intent. Every other intent of
 * the family knows from which one it came and by which changes, and the directory walks there: there for a preview, and back.
 *
 * A step reverses the link that it takes, so links always lead to where the directory stands (Baker's trick for persistent arrays).
 */
import { Directory } from "./directory.ts";
import type { Change, Intent } from "./intent.ts";

type Node = { readonly directory: Directory } | { readonly from: Intent; readonly changes: readonly Change[] };

const nodes = new WeakMap<Intent, Node>();

/** Notes how `intent` came about. */
export function derive(intent: Intent, from: Intent, changes: readonly Change[]): void {
  nodes.set(intent, { from, changes });
}

/** Names, users and networks of an intent. Good until the next call for another intent. */
export function directoryOf(intent: Intent): Directory {
  const path: Intent[] = [];
  let here = intent;
  let node = nodes.get(here);
  while (node && "from" in node) {
    path.push(here);
    here = node.from;
    node = nodes.get(here);
  }
  const directory = node ? node.directory : new Directory(here);
  for (const next of path.reverse()) {
    const { changes } = nodes.get(next) as { readonly changes: readonly Change[] };
    directory.move(next, changes);
    nodes.set(here, { from: next, changes: reversed(changes) });
    here = next;
  }
  nodes.set(here, { directory });
  return directory;
}

function reversed(changes: readonly Change[]): Change[] {
  return changes.map(({ kind, id, before, after }) => ({ kind, id, before: after, after: before })).reverse();
}
