/** A desk whose intent has devices only, and whose parts are what a test says. */
import type { FleetDesk } from "../../../../src/console/fleet/desk.ts";
import type { Resource } from "../../../../src/console/model/resources.ts";
import type { NewEvent } from "../../../../src/console/store/events.ts";
import type { Parts, PartsDelta } from "../../../../src/protocol/parts.ts";
import { type Change, EMPTY, type Intent, withChanges } from "./intent.ts";

type Committed = Parameters<Parameters<FleetDesk["onCommitted"]>[0]>[0];

export class FakeDesk implements FleetDesk {
  intent: Intent = EMPTY;
  revision = 0;
  readonly events: NewEvent[] = [];
  readonly #parts = new Map<string, Parts>();
  readonly #versions = new Map<string, number>();
  readonly #listeners: ((committed: Committed) => void)[] = [];

  parts(router: string): Parts | undefined {
    return this.#parts.get(router);
  }

  versionOf(router: string): number {
    return this.#versions.get(router) ?? 0;
  }

  raise(router: string, above: number): void {
    this.revision = Math.max(this.revision, above + 1);
    this.#versions.set(router, this.revision);
  }

  onCommitted(listener: (committed: Committed) => void): void {
    this.#listeners.push(listener);
  }

  event(event: NewEvent): void {
    this.events.push(event);
  }

  /** Makes a device, or gives it another generation; undefined: deletes it. */
  device(id: string, generation: number | undefined, role: "active" | "gateway" = "active"): void {
    const before = this.intent.device.get(id);
    const after: Resource<"device"> | undefined =
      generation === undefined
        ? undefined
        : {
            kind: "device",
            id,
            version: 1,
            created: "2026-01-01T00:00:00.000Z",
            updated: "2026-01-01T00:00:00.000Z",
            name: id,
            instance: null,
            accessPoint: null,
            role,
            address: "100.64.0.1",
            generation,
          };
    const change: Change = { kind: "device", id, before, after };
    this.intent = withChanges(this.intent, [change]);
    this.#commit([change], new Map());
  }

  /** All these parts change in one commit; undefined: the part goes. */
  set(...changes: readonly (readonly [router: string, parts: Readonly<Record<string, unknown>>])[]): void {
    const deltas = new Map<string, PartsDelta>();
    for (const [router, parts] of changes) {
      const after = new Map(this.#parts.get(router));
      const put = new Map<string, unknown>();
      const remove = new Set<string>();
      for (const [key, part] of Object.entries(parts)) {
        if (part === undefined) {
          after.delete(key);
          remove.add(key);
        } else {
          after.set(key, part);
          put.set(key, part);
        }
      }
      this.#parts.set(router, after);
      this.#versions.set(router, this.revision + 1);
      deltas.set(router, { put, remove });
    }
    this.#commit([], deltas);
  }

  #commit(changes: readonly Change[], deltas: ReadonlyMap<string, PartsDelta>): void {
    this.revision++;
    for (const listener of this.#listeners) listener({ changes, deltas });
  }
}
