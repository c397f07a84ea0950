/**
 * From what runs to what is wanted, in the order in which it can be done. No I/O. What is the same in both yields no
 * action, so traffic of an unchanged tunnel does not notice; applying the same wish twice yields none at all.
 */
import { inOrder, keyOf, type Model, mustRebuild, needs, type Resource, same, type Via } from "./resource.ts";

export type Action =
  | { readonly op: "add"; readonly resource: Resource }
  /** Changed in place. */
  | { readonly op: "update"; readonly was: Resource; readonly now: Resource }
  | { readonly op: "remove"; readonly resource: Resource };

/**
 * Three steps. First, what stands on something that goes, but can move onto something that stays, moves (a route to
 * another tunnel, without a gap). Then everything that goes is removed, last made first. Then the rest is made or
 * changed, first needed first. Fences stand around all of it: new ones are there before the first step, old ones until after the last.
 */
export function diff(running: Model, wanted: Model): Action[] {
  /** Goes, for good or to come back in another shape. */
  const going = new Set<string>();
  const moved = new Set<string>();
  const actions: Action[] = [];

  for (const was of inOrder(running)) {
    const key = keyOf(was);
    const now = wanted.get(key);
    if (!now || mustRebuild(was, now)) {
      going.add(key);
    } else if (needs(was).some((need) => going.has(need))) {
      const stands = needs(now).every((need) => running.has(need) && !going.has(need));
      if (stands) {
        moved.add(key);
        actions.push({ op: "update", was, now });
      } else going.add(key);
    }
  }
  for (const resource of inOrder(running).reverse()) {
    if (going.has(keyOf(resource))) actions.push({ op: "remove", resource });
  }
  for (const now of inOrder(wanted)) {
    const key = keyOf(now);
    const was = running.get(key);
    if (!was || going.has(key)) actions.push({ op: "add", resource: now });
    else if (!moved.has(key) && !same(was, now)) actions.push({ op: "update", was, now });
  }
  return fenced(actions);
}

function fenced(actions: readonly Action[]): Action[] {
  const [first, between, last]: [Action[], Action[], Action[]] = [[], [], []];
  for (const action of actions) {
    const fence = action.op !== "update" && action.resource.kind === "fence";
    (fence ? (action.op === "add" ? first : last) : between).push(action);
  }
  return [...first, ...between, ...last];
}

/** The model after an action, in place and without checks: it has been carried out. */
export function enact(model: Map<string, Resource>, action: Action): void {
  if (action.op === "remove") model.delete(keyOf(action.resource));
  else {
    const resource = action.op === "update" ? action.now : action.resource;
    model.set(keyOf(resource), resource);
  }
}

/** One line for the log: "add route main 10.2.0.0/24". */
export function describeAction(action: Action): string {
  const resource = action.op === "update" ? action.now : action.resource;
  const { kind } = resource;
  const hop = kind === "route" ? ` via ${viaText(resource.via)}` : "";
  return `${action.op} ${keyOf(resource)}${action.op === "remove" ? "" : hop}`;
}

function viaText(via: Via): string {
  switch (via.kind) {
    case "tun":
      return via.device;
    case "tunnel":
      return [via, ...(via.standby ?? [])].map(({ name }) => name).join(", else ");
    case "attachment":
      return via.name;
    default:
      return via.kind;
  }
}
