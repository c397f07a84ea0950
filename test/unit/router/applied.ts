/** Actions carried out one by one, with a look at whether each can be done. */
import { type Action, enact } from "../../../src/router/diff.ts";
import { keyOf, type Model, mustRebuild, needs } from "../../../src/router/resource.ts";

/**
 * The model after an action.
 *
 * @throws Error when the action cannot be done in this model: something it needs is not there, or still in use.
 */
export function applied(model: Model, action: Action): Model {
  const resource = action.op === "update" ? action.now : action.resource;
  const key = keyOf(resource);
  if (model.has(key) !== (action.op !== "add")) throw new Error(`cannot ${action.op} ${key}`);
  if (action.op === "remove") {
    const user = [...model.values()].find((other) => needs(other).includes(key));
    if (user) throw new Error(`cannot remove ${key}: ${keyOf(user)} stands on it`);
  } else {
    const missing = needs(resource).find((need) => !model.has(need));
    if (missing) throw new Error(`cannot ${action.op} ${key}: no ${missing}`);
    if (action.op === "update" && mustRebuild(action.was, action.now)) throw new Error(`cannot change ${key} in place`);
  }
  const after = new Map(model);
  enact(after, action);
  return after;
}
