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
import { changed, type Parts, type PartsDelta } from "../../protocol/parts.ts";
import type { Author } from "../author.ts";
import { Compiler } from "../compile/compile.ts";
import { overfull } from "../compile/room.ts";
import { ConsoleError, refusal } from "../error.ts";
import { type Change, type Intent, withChanges } from "../model/intent.ts";
import { directoryOf } from "../model/lineage.ts";
import type { Kind, Resource } from "../model/resources.ts";
import { violations } from "../model/rules.ts";
import { AuditLog } from "../store/audit.ts";
import { inTransaction } from "../store/database.ts";
import { EventLog, type NewEvent, type StoredEvent } from "../store/events.ts";
import { Answers } from "../store/idempotency.ts";
import { ResourceTable } from "../store/resources.ts";
import { Told } from "../store/told.ts";
import { Damper } from "./damper.ts";
import { RouterVersions } from "./versions.ts";

export type { Author } from "../author.ts";

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

export interface DeskOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Told when a listener throws (the change stands), or events cannot be written. Default: the program ends with it. */
  readonly onFault?: (error: unknown) => void;
  /** Some seconds after changes that concerned so many routers, when all about them is written and no other has come. */
  readonly onQuiet?: (routers: number) => void;
}

/** @param database with STORE_MIGRATIONS done */
export function openDesk(database: DatabaseSync, options: DeskOptions = {}): Desk {
  return new OpenDesk(database, options);
}

/** @throws ConsoleError access-point-full, too-many-rules */
function demandRoom(...asked: Parameters<typeof overfull>): void {
  const faults = overfull(...asked);
  if (faults.length > 0) throw refusal(faults, 422);
}

/** Of the message of an event, characters. */
const LONGEST = 1000;

/** Events of so many milliseconds share a transaction: ten thousand devices that come back wait for the disk a few times. */
const TOGETHER = 100;
/** Fingerprints of routers that a change concerned: milliseconds after it, how many at a time, and milliseconds for others between. */
const LATER = 2000;
const SOME = 500;
const PAUSE = 20;

class OpenDesk implements Desk {
  readonly events: EventLog;
  readonly told: Told;
  readonly audit: AuditLog;
  readonly answers: Answers;
  readonly now: () => number;
  readonly #database: DatabaseSync;
  readonly #onFault: (error: unknown) => void;
  readonly #onQuiet: (routers: number) => void;
  readonly #resources: ResourceTable;
  readonly #versions: RouterVersions;
  readonly #compiler: Compiler;
  readonly #damper = new Damper((event) => this.#record(event));
  readonly #committedListeners: ((committed: Committed) => void)[] = [];
  readonly #eventListeners: ((event: StoredEvent) => void)[] = [];
  #intent: Intent;
  #waiting: { readonly at: number; readonly event: NewEvent }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #fingerprinting: NodeJS.Timeout | undefined;
  /** Since nothing was left to do. */
  #fingerprinted = 0;

  constructor(database: DatabaseSync, { now = Date.now, onFault = rethrow, onQuiet = () => undefined }: DeskOptions) {
    this.#database = database;
    this.now = now;
    this.#onFault = onFault;
    this.#onQuiet = onQuiet;
    this.events = new EventLog(database);
    this.told = new Told(database, () => this.#soon());
    this.audit = new AuditLog(database);
    this.answers = new Answers(database);
    this.#resources = new ResourceTable(database);
    this.#intent = this.#resources.read();
    this.#compiler = new Compiler(this.#intent);
    this.#versions = new RouterVersions(database, this.#intent, (router) => this.#compiler.parts(router));
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
    this.#soon();
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
    demandRoom(after, deltas, (router) => changed(this.#compiler.parts(router) ?? new Map(), deltas.get(router)!));
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
      this.#write(() => also(nothing));
      return nothing;
    }
    const before = this.#intent;
    const deltas = this.#compiler.change(after, changes);
    const committed: Committed = { revision: this.revision + 1, changes, deltas };
    try {
      demandRoom(after, deltas, (router) => this.#compiler.parts(router));
      this.#write(() => {
        this.#resources.write(changes);
        this.#versions.write(committed);
        this.audit.add(new Date(this.now()).toISOString(), author, action, committed.revision, changes);
        also(committed);
      });
    } catch (error) {
      this.#compiler.change(before, changes.map(inverse));
      this.#versions.undo();
      throw error;
    }
    this.#intent = after;
    this.#versions.accept();
    this.#fingerprintSoon(LATER);
    this.#tell(this.#committedListeners, committed);
    return committed;
  }

  event(event: NewEvent): void {
    this.#damper.event(event);
  }

  close(): void {
    this.#damper.flush();
    this.#flush();
    this.#fingerprint(Number.POSITIVE_INFINITY);
    clearTimeout(this.#fingerprinting);
  }

  #record(event: NewEvent): void {
    this.#waiting.push({ at: this.now(), event: { ...event, message: plain(event.message) } });
    this.#soon();
  }

  #planned(plan: Plan): { readonly changes: readonly Change[]; readonly after: Intent } {
    const changes = plan(this.#intent);
    if (changes.length === 0) return { changes, after: this.#intent };
    const after = withChanges(this.#intent, changes);
    const faults = violations(after, changes);
    if (faults.length > 0) throw refusal(faults, 422);
    return { changes, after };
  }

  #write(act: () => void): void {
    try {
      inTransaction(this.#database, act);
    } catch (error) {
      if (error instanceof ConsoleError || (error as { readonly code?: string }).code !== "ERR_SQLITE_ERROR")
        throw error;
      throw new ConsoleError(
        503,
        "store-unavailable",
        "the change could not be written to the disk; nothing has changed",
        "See whether the disk of the console is full or read-only, then try again",
        { cause: error },
      );
    }
  }

  #fingerprintSoon(ms: number): void {
    if (!this.#versions.unknown) return;
    this.#fingerprinting ??= setTimeout(() => this.#fingerprint(SOME), ms).unref();
  }

  #fingerprint(most: number): void {
    clearTimeout(this.#fingerprinting);
    this.#fingerprinting = undefined;
    // Who opened the database may have closed it.
    if (!this.#versions.unknown || !this.#database.isOpen) return;
    try {
      let routers: readonly string[] = [];
      this.#write(() => {
        routers = this.#versions.writeFingerprints(most);
      });
      this.#versions.fingerprintsWritten(routers);
      this.#fingerprinted += routers.length;
    } catch (error) {
      this.#onFault(error);
      this.#fingerprintSoon(LATER);
      return;
    }
    if (this.#versions.unknown) this.#fingerprintSoon(PAUSE);
    else {
      this.#onQuiet(this.#fingerprinted);
      this.#fingerprinted = 0;
    }
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#flush(), TOGETHER);
  }

  #flush(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    let stored: StoredEvent[] = [];
    try {
      this.#write(() => {
        stored = waiting.map(({ at, event }) => this.events.add(at, event));
        this.told.write();
        this.#versions.writeRaised();
      });
      this.told.written();
      this.#versions.raisedWritten();
      this.#fingerprintSoon(LATER);
    } catch (error) {
      this.#onFault(error);
      return;
    }
    for (const event of stored) this.#tell(this.#eventListeners, event);
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

/** What devices and hosts say of themselves stands in messages: one line of letters that no terminal takes for a command, and no more than LONGEST. */
function plain(message: string): string {
  const line = message.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1).toWellFormed()}…` : line;
}

function inverse({ kind, id, before, after }: Change): Change {
  return { kind, id, before: after, after: before };
}

function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
