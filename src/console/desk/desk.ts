/**
 * The desk: the one place where the intent changes, one change after the other.
 *
 *   plan(intent) → changes → rules of the field → compile what they touch → one transaction: resources, versions of routers, audit, and
 *   what the caller adds (`also`) → the new intent in memory → listeners
 *
 * All of it runs without a pause, so that nobody sees a half of it and what a plan looked at still holds when it is written. What throws
 * before the transaction is on the disk leaves everything as it was.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Parts, PartsDelta } from "../../protocol/parts.ts";
import type { Author } from "../author.ts";
import { Compiler } from "../compile/compile.ts";
import { demandRoom, outlook } from "../compile/room.ts";
import { refusal } from "../error.ts";
import { type Change, type Intent, withChanges } from "../model/intent.ts";
import { directoryOf } from "../model/lineage.ts";
import type { Kind, Resource } from "../model/resources.ts";
import { violations } from "../model/rules.ts";
import { AUDIT_KEPT, AuditLog } from "../store/audit.ts";
import { EVENTS_KEPT, EventLog, type NewEvent, type StoredEvent } from "../store/events.ts";
import { Answers } from "../store/idempotency.ts";
import { ResourceTable } from "../store/resources.ts";
import { Told } from "../store/told.ts";
import { Damper } from "./damper.ts";
import { Fingerprints } from "./fingerprints.ts";
import { Moment, type Waiting } from "./moment.ts";
import { RouterVersions } from "./versions.ts";
import { writeWhole } from "./write.ts";

export interface Committed {
  /** Of the intent, after the change. */
  readonly revision: number;
  readonly changes: readonly Change[];
  /** By router; those that the change does not concern are not there. */
  readonly deltas: ReadonlyMap<string, PartsDelta>;
}

/** @returns what to change; none: nothing. @throws ConsoleError: the intent does not allow it. */
export type Plan = (intent: Intent) => readonly Change[];

export interface Desk {
  readonly intent: Intent;
  readonly revision: number;
  /** By id, else by name. */
  find<K extends Kind>(kind: K, idOrName: string): Resource<K> | undefined;
  parts(router: string): Parts | undefined;
  /** Revision that last changed this router's parts; 0: never. Outlives the program. */
  versionOf(router: string): number;
  /**
   * The router has had version `above`, of a console that this one was restored from: it gets a higher one, and so does whatever changes from
   * now on. On the disk a moment later; until then the router can say so again.
   */
  raise(router: string, above: number): void;
  onCommitted(listener: (committed: Committed) => void): void;
  /** What `change` would do, without doing it. @throws ConsoleError as `change` does */
  preview(plan: Plan): Committed;
  /**
   * @param also runs inside the transaction; what it writes to the database is on the disk with the change or not at all
   * @throws ConsoleError: the plan's own, or the rules that the change would break; then nothing has changed
   */
  change(author: Author, action: string, plan: Plan, also?: (committed: Committed) => void): Promise<Committed>;
  /**
   * Stored and told to listeners; a moment later, together with others of the same moment, so that nobody sees from how long an answer
   * takes whether there was one. Those that come too often are held back and counted (desk/damper.ts).
   */
  event(event: NewEvent): void;
  onEvent(listener: (event: StoredEvent) => void): void;
  readonly events: EventLog;
  /** Written with the events. */
  readonly told: Told;
  readonly audit: AuditLog;
  readonly answers: Answers;
  /** Milliseconds since 1970. */
  now(): number;
  /** Writes what waits. The database stays open. */
  close(): void;
}

/** How long what happened is kept; milliseconds. */
export interface Keep {
  /** Events, and what strangers tried at the doors. Default: 90 days. */
  readonly events?: number;
  /** What users did, a year at least. Default: five years. */
  readonly audit?: number;
}

export interface DeskOptions {
  readonly keep?: Keep;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Told when a listener throws (the change stands), or events cannot be written. Default: the program ends with it. */
  readonly onFault?: (error: unknown) => void;
  /** Before configurations of so many devices are compiled, at the start; nothing else goes on meanwhile. */
  readonly onCompile?: (devices: number) => void;
  /** Some seconds after changes that concerned so many routers, when all about them is written and no other has come. */
  readonly onQuiet?: (routers: number) => void;
}

/** @param database with STORE_MIGRATIONS done */
export function openDesk(database: DatabaseSync, options: DeskOptions = {}): Desk {
  return new OpenDesk(database, options);
}

class OpenDesk implements Desk {
  readonly events: EventLog;
  readonly told: Told;
  readonly audit: AuditLog;
  readonly answers: Answers;
  readonly now: () => number;
  readonly #database: DatabaseSync;
  readonly #onFault: (error: unknown) => void;
  readonly #resources: ResourceTable;
  readonly #versions: RouterVersions;
  readonly #fingerprints: Fingerprints;
  readonly #compiler: Compiler;
  readonly #damper = new Damper((event) => this.#moment.add({ at: this.now(), event }));
  readonly #committedListeners: ((committed: Committed) => void)[] = [];
  readonly #eventListeners: ((event: StoredEvent) => void)[] = [];
  #intent: Intent;
  readonly #moment: Moment;

  constructor(
    database: DatabaseSync,
    {
      keep = {},
      now = Date.now,
      onFault = rethrow,
      onCompile = () => undefined,
      onQuiet = () => undefined,
    }: DeskOptions,
  ) {
    this.#database = database;
    this.now = now;
    this.#onFault = onFault;
    const { events = EVENTS_KEPT.age, audit = AUDIT_KEPT.age } = keep;
    const likeEvents = { ...EVENTS_KEPT, age: events };
    this.events = new EventLog(database, likeEvents);
    this.told = new Told(database, () => this.#moment.soon());
    this.audit = new AuditLog(database, { age: audit, strangers: likeEvents });
    this.answers = new Answers(database);
    this.#resources = new ResourceTable(database);
    this.#intent = this.#resources.read();
    onCompile(this.#intent.device.size);
    this.#compiler = new Compiler(this.#intent);
    this.#versions = new RouterVersions(database, this.#intent, (router) => this.#compiler.parts(router));
    this.#fingerprints = new Fingerprints({
      versions: this.#versions,
      write: (act) => writeWhole(database, act),
      isOpen: () => database.isOpen,
      onFault,
      onQuiet,
    });
    this.#moment = new Moment((waiting) => this.#write(waiting));
  }

  get intent(): Intent {
    return this.#intent;
  }

  get revision(): number {
    return this.#versions.revision;
  }

  find<K extends Kind>(kind: K, idOrName: string): Resource<K> | undefined {
    const resources = this.#intent[kind] as ReadonlyMap<string, Resource<K>>;
    const here = resources.get(idOrName);
    if (here) return here;
    for (const id of directoryOf(this.#intent).named(kind, idOrName)) return resources.get(id);
    return undefined;
  }

  parts(router: string): Parts | undefined {
    return this.#compiler.parts(router);
  }

  versionOf(router: string): number {
    return this.#versions.of(router);
  }

  raise(router: string, above: number): void {
    this.#versions.raise(router, above);
    this.#moment.soon();
  }

  onCommitted(listener: (committed: Committed) => void): void {
    this.#committedListeners.push(listener);
  }

  onEvent(listener: (event: StoredEvent) => void): void {
    this.#eventListeners.push(listener);
  }

  preview(plan: Plan): Committed {
    const { changes, after } = this.#planned(plan);
    const deltas = changes.length > 0 ? this.#compiler.preview(after, changes) : new Map<string, PartsDelta>();
    demandRoom(after, deltas, (router) => outlook(this.#compiler.parts(router), deltas.get(router)!));
    return { revision: this.revision, changes, deltas };
  }

  async change(
    author: Author,
    action: string,
    plan: Plan,
    also: (committed: Committed) => void = () => {},
  ): Promise<Committed> {
    const { changes, after } = this.#planned(plan);
    if (changes.length === 0) {
      const nothing = { revision: this.revision, changes, deltas: new Map() };
      writeWhole(this.#database, () => also(nothing));
      return nothing;
    }
    const before = this.#intent;
    const deltas = this.#compiler.change(after, changes);
    const committed: Committed = { revision: this.revision + 1, changes, deltas };
    try {
      demandRoom(after, deltas, (router) => this.#compiler.parts(router));
      writeWhole(this.#database, () => {
        this.#resources.write(changes);
        this.#versions.write(committed);
        this.audit.add(this.now(), author, action, committed.revision, changes);
        also(committed);
      });
    } catch (error) {
      this.#compiler.change(before, changes.map(inverse));
      this.#versions.undo();
      throw error;
    }
    this.#intent = after;
    this.#versions.accept();
    this.#fingerprints.soon();
    this.#tell(this.#committedListeners, committed);
    return committed;
  }

  event(event: NewEvent): void {
    this.#damper.event(event);
  }

  close(): void {
    this.#damper.flush();
    this.#moment.close();
    this.#fingerprints.close();
  }

  #planned(plan: Plan): { readonly changes: readonly Change[]; readonly after: Intent } {
    const changes = plan(this.#intent);
    if (changes.length === 0) return { changes, after: this.#intent };
    const after = withChanges(this.#intent, changes);
    const faults = violations(after, changes);
    if (faults.length > 0) throw refusal(faults, 422);
    return { changes, after };
  }

  #write(waiting: readonly Waiting[]): boolean {
    let stored: StoredEvent[] = [];
    try {
      writeWhole(this.#database, () => {
        stored = waiting.map(({ at, event }) => this.events.add(at, event));
        this.told.write();
        this.#versions.writeRaised();
      });
      this.told.written();
      this.#versions.raisedWritten();
      this.#fingerprints.soon();
    } catch (error) {
      this.#onFault(error);
      return false;
    }
    for (const event of stored) this.#tell(this.#eventListeners, event);
    return true;
  }

  /** A listener's fault is its own: what was committed stays. */
  #tell<T>(listeners: readonly ((news: T) => void)[], news: T): void {
    for (const listener of listeners) {
      try {
        listener(news);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}

function inverse({ kind, id, before, after }: Change): Change {
  return { kind, id, before: after, after: before };
}

function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
