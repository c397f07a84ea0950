/** Routes that lead from the kernel's table to TUN devices of this router. */
import { familyOf } from "./address.ts";
import type { Action } from "./diff.ts";
import { RouterError, sentenceOf } from "./error.ts";
import type { Host } from "./host.ts";
import type { Resource, ResourceOf } from "./resource.ts";

/** Actions that go in one go: kernel routes, or fences, all added or all removed. */
export type Run =
  | { readonly op: "add" | "remove"; readonly kind: "kernel-route"; readonly routes: ResourceOf<"kernel-route">[] }
  | { readonly op: "add" | "remove"; readonly kind: "fence"; readonly routes: ResourceOf<"fence">[] };

/** Those that stand side by side in a list of actions, from this index on; undefined: what stands there goes by itself. */
export function runFrom(actions: readonly Action[], from: number): Run | undefined {
  const first = actions[from];
  if (first.op === "update") return undefined;
  const { op } = first;
  const { kind } = first.resource;
  if (kind !== "kernel-route" && kind !== "fence") return undefined;
  const routes: Resource[] = [];
  for (let i = from; i < actions.length; i++) {
    const action = actions[i];
    if (action.op === "update" || action.op !== op || action.resource.kind !== kind) break;
    routes.push(action.resource);
  }
  return { op, kind, routes } as Run;
}

/**
 * Many kernel routes in one go; throws KernelRoutesError, which says how many were done. One to be removed that is not there is done: the
 * kernel takes all of a device away when somebody takes the device down.
 */
export async function changeKernelRoutes(
  host: Host,
  op: "add" | "remove",
  routes: readonly ResourceOf<"kernel-route">[],
): Promise<void> {
  let done = 0;
  // One call for each run of one family, so that the index of a failure is an index here.
  while (done < routes.length) {
    const family = familyOf(routes[done].prefix);
    let end = done;
    while (end < routes.length && familyOf(routes[end].prefix) === family) end++;
    try {
      await host.changeRoutes(
        op === "add" ? "add" : "delete",
        routes.slice(done, end).map(({ prefix, device }) => ({ prefix, link: device })),
      );
    } catch (error) {
      const { code, line } = error as { readonly code?: string; readonly line?: number };
      const failedAt = done + (line ?? 0);
      if (op === "remove" && code === "absent" && line !== undefined) {
        done = failedAt + 1;
        continue;
      }
      throw new KernelRoutesError(failedAt, routes[failedAt], error);
    }
    done = end;
  }
}

/** A kernel route could not be added or removed; those before `index` were. */
export class KernelRoutesError extends RouterError {
  readonly index: number;

  constructor(index: number, route: ResourceOf<"kernel-route">, cause: unknown) {
    const taken = (cause as { readonly code?: string }).code === "exists";
    super(
      "apply-failed",
      taken
        ? `the kernel has a route to ${route.prefix} already`
        : `the kernel route to ${route.prefix} via ${route.device} was refused: ${sentenceOf(cause).replace(/\.$/, "")}`,
      taken
        ? `Remove it, or take ${route.prefix} out of the configuration; see: ip route show ${route.prefix}`
        : "See the reason",
      cause,
    );
    this.index = index;
  }
}
