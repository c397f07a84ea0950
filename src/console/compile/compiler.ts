/** Configurations of all routers, kept in step with the intent: a change makes anew what it can concern, and gives what differs. */
import type { Head, Parts, PartsDelta } from "../../protocol/parts.ts";
import { freeze } from "../../router/config/config.ts";
import { equal } from "../../router/config/equal.ts";
import type { Directory } from "../model/directory.ts";
import { type Change, EMPTY, type Intent, withChanges } from "../model/intent.ts";
import { directoryOf } from "../model/lineage.ts";
import { type Earlier, type Made, make } from "./component.ts";
import { edgeHead, gatewayHead } from "./head.ts";
import { gather } from "./member.ts";
import { type Touched, touch } from "./touched.ts";

const NOTHING: Made = new Map();

/** What is new of one router; `before` has every part of `put` that was there. */
interface Delta extends PartsDelta {
  readonly put: Map<string, unknown>;
  readonly remove: Set<string>;
  readonly before: Map<string, unknown>;
}

interface Plan {
  /** Components as they are now; undefined: it is no more, or has no part. */
  readonly made: Map<string, Earlier | undefined>;
  readonly deltas: Map<string, Delta>;
}

export class Compiler {
  #intent: Intent = EMPTY;
  readonly #made = new Map<string, Earlier>();
  readonly #routers = new Map<string, Parts>();

  constructor(intent: Intent) {
    const directory = directoryOf(intent);
    const touched: Touched = {
      components: new Set([...intent.cen.keys(), ...intent.ccn.keys()]),
      devices: new Set(intent.device.keys()),
    };
    this.#carryOut(intent, this.#plan(directory, touched));
  }

  /** Of an edge or a gateway, by the serial number of its device. The same value until one of its parts changes. */
  parts(router: string): Parts | undefined {
    return this.#routers.get(router);
  }

  /** Of every router. */
  get all(): ReadonlyMap<string, Parts> {
    return this.#routers;
  }

  /** What the changes would do to each router that they concern; nothing is kept. `intent`: with the changes. */
  preview(intent: Intent, changes: readonly Change[]): ReadonlyMap<string, PartsDelta> {
    return this.#planOf(withChanges(intent, changes), changes).deltas;
  }

  /** Goes over to `intent`, which is the present one with the changes, and gives what is new of each router that they concern. */
  change(intent: Intent, changes: readonly Change[]): ReadonlyMap<string, PartsDelta> {
    const after = withChanges(intent, changes);
    const plan = this.#planOf(after, changes);
    this.#carryOut(after, plan);
    return plan.deltas;
  }

  #planOf(after: Intent, changes: readonly Change[]): Plan {
    const touched: Touched = { components: new Set(), devices: new Set() };
    touch(changes, directoryOf(this.#intent), touched);
    const directory = directoryOf(after);
    touch(changes, directory, touched);
    return this.#plan(directory, touched);
  }

  #plan(directory: Directory, { components, devices }: Touched): Plan {
    const made = new Map<string, Earlier | undefined>();
    const deltas = new Map<string, Delta>();
    const deltaOf = (router: string): Delta => {
      let delta = deltas.get(router);
      if (!delta) {
        delta = { put: new Map(), remove: new Set(), before: new Map() };
        deltas.set(router, delta);
      }
      return delta;
    };
    const same = comparison();
    /** Do they differ? */
    const compare = (router: string, key: string, was: unknown, now: unknown): boolean => {
      if (now === undefined) {
        if (was !== undefined) deltaOf(router).remove.add(key);
        return was !== undefined;
      }
      if (same(was, now)) return false;
      const { put, before } = deltaOf(router);
      put.set(key, freeze(now));
      if (was !== undefined) before.set(key, was);
      return true;
    };

    for (const id of components) {
      const earlier = this.#made.get(id);
      const was = earlier?.parts ?? NOTHING;
      // A CCN with a CEN is part of the CEN's component.
      const lives = directory.get("cen", id) !== undefined || directory.get("ccn", id)?.cen === null;
      const component = lives ? gather(id, directory, earlier?.component) : undefined;
      const now = component ? make(component, directory, earlier) : NOTHING;
      for (const router of new Set([...was.keys(), ...now.keys()])) {
        const before = was.get(router);
        const after = now.get(router);
        if (before === after) continue;
        for (const key of before?.keys() ?? []) if (!after?.has(key)) compare(router, key, before!.get(key), undefined);
        for (const [key, part] of after ?? []) {
          const earlier = before?.get(key);
          // What is equal stays the same value.
          if (part !== earlier && !compare(router, key, earlier, part)) after!.set(key, earlier);
        }
      }
      made.set(id, component && now.size > 0 ? { component, parts: now } : undefined);
    }
    for (const id of devices) compare(id, "head", this.#routers.get(id)?.get("head"), headOf(id, directory));
    // A part that moves from one component to another is removed by one and put by the other.
    for (const [router, { put, remove, before }] of deltas) {
      for (const [key, part] of put) {
        if (!remove.delete(key)) continue;
        const was = this.#routers.get(router)?.get(key);
        if (equal(was, part)) put.delete(key);
        else before.set(key, was);
      }
      if (put.size === 0 && remove.size === 0) deltas.delete(router);
    }
    return { made, deltas };
  }

  #carryOut(intent: Intent, { made, deltas }: Plan): void {
    this.#intent = intent;
    for (const [id, now] of made) {
      if (now) this.#made.set(id, now);
      else this.#made.delete(id);
    }
    for (const [router, { put, remove }] of deltas) {
      const was = this.#routers.get(router);
      if (!was) {
        this.#routers.set(router, put);
        continue;
      }
      const parts = new Map(was);
      for (const key of remove) parts.delete(key);
      for (const [key, part] of put) parts.set(key, part);
      if (parts.size === 0) this.#routers.delete(router);
      else this.#routers.set(router, parts);
    }
  }
}

/** `equal`, which looks once at two values that many routers have in common. */
function comparison(): typeof equal {
  let [left, right, same]: unknown[] = [];
  return (a, b) => {
    if (a === b) return true;
    if (a !== left || b !== right) [left, right, same] = [a, b, equal(a, b)];
    return same === true;
  };
}

function headOf(id: string, directory: Directory): Head | undefined {
  const device = directory.get("device", id);
  if (!device) return undefined;
  if (device.instance !== null) return edgeHead(device);
  const accessPoint = device.accessPoint === null ? undefined : directory.get("access-point", device.accessPoint);
  return accessPoint && gatewayHead(device, accessPoint);
}
