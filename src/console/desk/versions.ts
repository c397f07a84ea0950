/**
 * For each router the revision that last changed its parts, on the disk and in memory: an agent that has this version is sent nothing,
 * also after a restart of the console. A program that compiles the same intent to something else (a newer one) finds that at its start
 * by the fingerprints, and gives those routers, and no others, a new version.
 *
 * Fingerprints are worked out after a change, when those whom it concerns have been told. A program that was killed before that takes what it
 * compiles at its start for what was meant; an agent that runs something else says so in its hello, by its root hash.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Parts } from "../../protocol/parts.ts";
import type { Intent } from "../model/intent.ts";
import { inTransaction } from "../store/database.ts";
import { RouterTable, type RouterVersion } from "../store/routers.ts";
import { fingerprintOf, UNKNOWN } from "./fingerprint.ts";

export class RouterVersions {
  readonly #table: RouterTable;
  readonly #versions: Map<string, number>;
  readonly #partsOf: (router: string) => Parts | undefined;
  /** Without a fingerprint on the disk. */
  readonly #unknown = new Set<string>();
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
    const learnt = new Map<string, RouterVersion>();
    for (const router of intent.device.keys()) {
      const parts = partsOf(router);
      if (!parts) continue;
      const fingerprint = fingerprintOf(parts);
      const known = stored.get(router);
      if (known?.fingerprint === UNKNOWN) learnt.set(router, { version: known.version, fingerprint });
      else if (known?.fingerprint !== fingerprint) differ.set(router, { version: this.#revision + 1, fingerprint });
    }
    for (const router of stored.keys()) if (!partsOf(router)) differ.set(router, undefined);
    if (differ.size === 0 && learnt.size === 0) return;
    const revision = differ.size > 0 ? this.#revision + 1 : this.#revision;
    const routers = new Map([...learnt, ...differ]);
    this.#pending = { revision, routers };
    inTransaction(database, () => this.#table.write(revision, routers));
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
    if (!this.#versions.has(router)) return;
    this.#revision = Math.max(this.#revision, above + 1);
    this.#versions.set(router, this.#revision);
    this.#raised.add(router);
  }

  /** Within the caller's transaction. */
  writeRaised(): void {
    if (this.#raised.size === 0) return;
    const routers = new Map<string, RouterVersion>();
    for (const router of this.#raised) {
      const version = this.#versions.get(router);
      if (version === undefined) continue;
      routers.set(router, { version, fingerprint: UNKNOWN });
    }
    this.#table.write(this.#revision, routers);
  }

  /** What was written of them is on the disk. */
  raisedWritten(): void {
    for (const router of this.#raised) if (this.#versions.has(router)) this.#unknown.add(router);
    this.#raised.clear();
  }

  /** `deltas`: of the compiler, which has the new parts by now. Within the caller's transaction; then `accept` or `undo`. */
  write({ revision, deltas }: { readonly revision: number; readonly deltas: ReadonlyMap<string, unknown> }): void {
    const routers = new Map<string, RouterVersion | undefined>();
    for (const router of deltas.keys())
      routers.set(router, this.#partsOf(router) && { version: revision, fingerprint: UNKNOWN });
    this.#pending = { revision, routers };
    this.#table.write(revision, routers);
  }

  /** What was written is on the disk. */
  accept(): void {
    const { revision, routers } = this.#pending!;
    this.#pending = undefined;
    this.#revision = revision;
    for (const [router, version] of routers) {
      this.#unknown.delete(router);
      if (!version) this.#versions.delete(router);
      else {
        this.#versions.set(router, version.version);
        if (version.fingerprint === UNKNOWN) this.#unknown.add(router);
      }
    }
  }

  /** It is not. */
  undo(): void {
    this.#pending = undefined;
  }

  /** Are there routers without a fingerprint on the disk? */
  get unknown(): boolean {
    return this.#unknown.size > 0;
  }

  /** Works out the fingerprints of up to `most` of them. Within the caller's transaction; then `fingerprintsWritten` with what it gives. */
  writeFingerprints(most: number): readonly string[] {
    const routers = new Map<string, RouterVersion>();
    for (const router of this.#unknown) {
      if (routers.size === most) break;
      routers.set(router, { version: this.of(router), fingerprint: fingerprintOf(this.#partsOf(router)!) });
    }
    this.#table.write(this.#revision, routers);
    return [...routers.keys()];
  }

  fingerprintsWritten(routers: Iterable<string>): void {
    for (const router of routers) this.#unknown.delete(router);
  }
}
