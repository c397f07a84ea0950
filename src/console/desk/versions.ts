/**
 * For each router the revision that last changed its parts, on the disk and in memory: an agent that has this version is sent nothing,
 * also after a restart of the console. A program that compiles the same intent to something else (a newer one) finds that at its start
 * by the fingerprints, and gives those routers, and no others, a new version.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Parts, PartsDelta } from "../../protocol/parts.ts";
import type { Intent } from "../model/intent.ts";
import { inTransaction } from "../store/database.ts";
import { RouterTable, type RouterVersion } from "../store/routers.ts";
import { Fingerprint } from "./fingerprint.ts";

export class RouterVersions {
  readonly #table: RouterTable;
  readonly #versions: Map<string, number>;
  readonly #fingerprints = new Map<string, Fingerprint>();
  readonly #partsOf: (router: string) => Parts | undefined;
  /** Raised, and not on the disk yet. */
  readonly #raised = new Set<string>();
  #revision: number;
  #pending: { readonly revision: number; readonly routers: ReadonlyMap<string, RouterVersion | undefined> } | undefined;

  /** @param partsOf the compiler's, for the stored intent */
  constructor(database: DatabaseSync, intent: Intent, partsOf: (router: string) => Parts | undefined) {
    this.#table = new RouterTable(database);
    this.#partsOf = partsOf;
    this.#revision = this.#table.revision();
    const stored = this.#table.read();
    this.#versions = new Map([...stored].map(([router, { version }]) => [router, version]));
    const differ = new Map<string, RouterVersion | undefined>();
    for (const router of intent.device.keys()) {
      const fingerprint = new Fingerprint(partsOf(router) ?? new Map());
      if (fingerprint.empty) continue;
      this.#fingerprints.set(router, fingerprint);
      if (stored.get(router)?.fingerprint !== fingerprint.value)
        differ.set(router, { version: this.#revision + 1, fingerprint: fingerprint.value });
    }
    for (const router of stored.keys()) if (!this.#fingerprints.has(router)) differ.set(router, undefined);
    if (differ.size === 0) return;
    this.#pending = { revision: this.#revision + 1, routers: differ };
    inTransaction(database, () => this.#table.write(this.#revision + 1, differ));
    this.accept();
  }

  get revision(): number {
    return this.#revision;
  }

  of(router: string): number {
    return this.#versions.get(router) ?? 0;
  }

  /** The router's version is higher than `above` from now on, and so is the revision of every later change. */
  raise(router: string, above: number): void {
    if (!this.#fingerprints.has(router)) return;
    this.#revision = Math.max(this.#revision, above + 1);
    this.#versions.set(router, this.#revision);
    this.#raised.add(router);
  }

  /** Within the caller's transaction. */
  writeRaised(): void {
    if (this.#raised.size === 0) return;
    const routers = new Map<string, RouterVersion>();
    for (const router of this.#raised) {
      const fingerprint = this.#fingerprints.get(router)?.value;
      if (fingerprint !== undefined) routers.set(router, { version: this.of(router), fingerprint });
    }
    this.#table.write(this.#revision, routers);
  }

  /** What was written of them is on the disk. */
  raisedWritten(): void {
    this.#raised.clear();
  }

  /** Within the caller's transaction; then `accept` or `undo`. */
  write({ revision, deltas }: { readonly revision: number; readonly deltas: ReadonlyMap<string, PartsDelta> }): void {
    const routers = new Map<string, RouterVersion | undefined>();
    this.#pending = { revision, routers };
    for (const [router, delta] of deltas) {
      const fingerprint = this.#fingerprints.get(router) ?? new Fingerprint(new Map());
      this.#fingerprints.set(router, fingerprint);
      // In the map before it changes: `undo` must find all that may have.
      routers.set(router, undefined);
      fingerprint.change(delta);
      if (!fingerprint.empty) routers.set(router, { version: revision, fingerprint: fingerprint.value });
    }
    this.#table.write(revision, routers);
  }

  /** What was written is on the disk. */
  accept(): void {
    const { revision, routers } = this.#pending!;
    this.#pending = undefined;
    this.#revision = revision;
    for (const [router, version] of routers) {
      if (version) this.#versions.set(router, version.version);
      else {
        this.#versions.delete(router);
        this.#fingerprints.delete(router);
      }
    }
  }

  /** It is not; the compiler has gone back to the parts from before. */
  undo(): void {
    for (const router of this.#pending?.routers.keys() ?? []) {
      const parts = this.#partsOf(router);
      if (parts) this.#fingerprints.set(router, new Fingerprint(parts));
      else this.#fingerprints.delete(router);
    }
    this.#pending = undefined;
  }
}
