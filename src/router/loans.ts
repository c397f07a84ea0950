/**
 * Settings of the host that the router changes for as long as it runs: borrowed, on record in the ledger, and given back.
 * Several routers in one network namespace may need the same setting; the last one to go gives it back.
 */
import { join } from "node:path";
import { failed } from "../linux/error.ts";
import { tryLock } from "../linux/lock.ts";
import { RouterError } from "./error.ts";
import type { Host, LinkId, NapiSetting } from "./host.ts";
import {
  type Change,
  type Entries,
  type NamespaceId,
  neighbours,
  readLedger,
  removeLedger,
  subjectOf,
  writeLedger,
} from "./ledger.ts";
import type { Log } from "./log.ts";
import { at, putBack } from "./putback.ts";

/** Routing tables that we may take; their rules have the same numbers as priorities, before the main table's. */
const TABLES = { first: 11_800, last: 12_823 };

export class Loans {
  readonly #path: string;
  readonly #host: Host;
  readonly #log: Log;
  #changes: Change[] = [];

  /** `path`: of the ledger. */
  constructor(path: string, host: Host, log: Log) {
    this.#path = path;
    this.#host = host;
    this.#log = log;
  }

  /**
   * Gives back what an earlier run of this router still owes, and begins a new record. What it gave back, as text. Fences stay, and owed:
   * what was kept in so far is not let out until the new run has seen to it.
   */
  async settle(): Promise<string[]> {
    const left = readLedger(this.#path);
    const settled: string[] = [];
    if (left) {
      if (left.namespace === this.#host.namespace()) {
        this.#changes = [...left.changes];
        for (const change of left.changes.filter(({ kind }) => kind !== "fences").reverse()) {
          settled.push(...(await this.#giveBack(change)));
        }
      }
      // In another namespace: the one of the earlier run, and all that was changed in it, is gone or not ours to enter.
    }
    this.#write();
    return settled;
  }

  /**
   * Sets a kernel parameter, of this network namespace or of a named one; nothing to give back when it has this value already. Gives
   * what it owes now.
   */
  async sysctl(key: string, value: string, netns?: NamespaceId): Promise<string> {
    const wanted = { kind: "sysctl", key, after: value, ...(netns ? { netns } : {}) } as const;
    const subject = subjectOf({ ...wanted, before: "" });
    await this.#together(() =>
      at(this.#host, netns, () => {
        const before = this.#host.readSysctl(key);
        if (before === undefined) return;
        const joint = this.#others().find(
          (change) => change.kind === "sysctl" && subjectOf(change) === subject && change.after === value,
        );
        if (before === value && !joint) return;
        this.#note({ ...wanted, before: joint?.kind === "sysctl" ? joint.before : before });
        if (before !== value) this.#host.writeSysctl(key, value);
      }),
    );
    return subject;
  }

  /** A routing table that nobody uses, for packets that come in from these links. @throws RouterError no-table */
  async table(links: readonly string[]): Promise<number> {
    const taken = new Set((await this.#host.listRules()).map(({ table }) => table));
    for (let table = TABLES.first; table <= TABLES.last; table++) {
      if (taken.has(table) || (await this.#host.listRoutes({ table })).length > 0) continue;
      const change: Change = { kind: "table", table, links };
      let ours = false;
      // Another line of this router, or another router, may have taken it meanwhile: two in one table would mix their networks.
      await this.#together(() => {
        if ([...this.#changes, ...this.#others()].some((other) => subjectOf(other) === subjectOf(change))) return;
        this.#note(change);
        ours = true;
      });
      if (ours) return table;
    }
    throw new RouterError(
      "no-table",
      `all routing tables from ${TABLES.first} to ${TABLES.last} are in use`,
      "See: ip rule; ip route show table all",
    );
  }

  /** @throws LinuxError when the link is not there or does not take the MTU. */
  async mtu(link: string, mtu: number): Promise<void> {
    const before = (await this.#host.listLinks()).find(({ name }) => name === link)?.mtu;
    const earlier = this.#changes.find((change) => change.kind === "mtu" && change.link === link);
    const original = earlier?.kind === "mtu" ? earlier.before : before;
    if (original !== undefined && before !== mtu) this.#note({ kind: "mtu", link, before: original, after: mtu });
    if (before !== mtu) await this.#host.setLink(link, { mtu });
  }

  /**
   * Switches a feature of a link on. False: it was on, and no router of ours owes it; then nothing is to be given back.
   *
   * @throws LinuxError as the device refuses it; nothing is owed then.
   */
  async feature({ name, index }: LinkId, feature: string): Promise<boolean> {
    const change: Change = { kind: "feature", link: name, index, feature };
    await this.#together(() => {
      const on = this.#host.features(name).get(feature)?.wanted === true;
      if (this.#owes(change) && on) return;
      if (on && !this.#others().some((other) => subjectOf(other) === subjectOf(change))) return;
      this.#note(change);
      try {
        if (!on) this.#host.setFeature(name, feature, true);
      } catch (error) {
        this.#strike(subjectOf(change));
        throw error;
      }
    });
    return this.#owes(change);
  }

  /** Sets how a link gathers packets. @throws LinuxError: nothing is owed then. */
  async napi(link: LinkId, setting: NapiSetting, value: number): Promise<void> {
    await this.#together(() => {
      const before = this.#host.readNapi(link, setting);
      if (before === undefined) throw failed("ENOENT", `set ${setting} of ${link.name}`);
      const change = { kind: "napi" as const, link: link.name, index: link.index, setting, before, after: value };
      const joint = this.#others().find((other) => subjectOf(other) === subjectOf(change));
      const same = joint?.kind === "napi" && joint.after === value ? joint : undefined;
      if (before === value && !same) return;
      this.#note({ ...change, before: same?.before ?? before });
      try {
        if (before !== value) this.#host.writeNapi(link, setting, value);
      } catch (error) {
        this.#strike(subjectOf(change));
        throw error;
      }
    });
  }

  /** Somebody else has taken this over: it is not given back any more. */
  forget(subject: string): void {
    this.#strike(subject);
  }

  /** Prefixes that are on record as fenced in. */
  fenced(): readonly string[] {
    return this.#changes.find((change) => change.kind === "fences")?.prefixes ?? [];
  }

  /** Notes the prefixes that are fenced in, those too that are about to be: given back last, when nothing is forwarded any more. */
  fences(prefixes: readonly string[]): void {
    this.#changes = this.#changes.filter(({ kind }) => kind !== "fences");
    if (prefixes.length > 0) this.#changes.unshift({ kind: "fences", prefixes });
    this.#write();
  }

  /** Notes a TUN device that is about to be made. */
  tun(device: string): void {
    this.#note({ kind: "tun", device });
  }

  /** The TUN device is gone by other means. */
  tunGone(device: string): void {
    this.#strike(`tun ${device}`);
  }

  /** Gives one thing back: `subjectOf` of the change. No harm when it is not owed. */
  async giveBack(subject: string): Promise<void> {
    const change = this.#changes.find((each) => subjectOf(each) === subject);
    if (change) await this.#giveBack(change);
  }

  /** Gives everything back, last borrowed first, and ends the record. */
  async giveAllBack(): Promise<void> {
    for (const change of [...this.#changes].reverse()) await this.#giveBack(change);
    removeLedger(this.#path);
  }

  /** Subjects owed, first borrowed first. */
  owed(): string[] {
    return this.#changes.map(subjectOf);
  }

  async #giveBack(change: Change): Promise<string[]> {
    const subject = subjectOf(change);
    const done: string[] = [];
    try {
      const alone = (act: () => void) =>
        this.#together(() => {
          if (!this.#others().some((other) => subjectOf(other) === subject)) act();
        });
      done.push(...(await putBack(change, this.#host, alone)));
    } catch (error) {
      this.#log.error({ err: error, change: subject }, "could not put back a setting of the host");
    }
    this.#strike(subject);
    return done;
  }

  /** Changes on record of other routers that run in this namespace. */
  #others(): Change[] {
    const here = this.#host.namespace();
    return neighbours(this.#path)
      .filter(({ namespace, pid, started }) => namespace === here && this.#host.startOf(pid) === started)
      .flatMap(({ changes }) => changes);
  }

  /** Only one router at a time looks at what is set and by whom. */
  async #together(act: () => void): Promise<void> {
    const path = join(this.#path, "../../.lock");
    for (let tries = 0; tries < 100; tries++) {
      const lock = tryLock(path);
      if (lock) {
        try {
          act();
        } finally {
          lock.release();
        }
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new RouterError(
      "run-folder",
      `${path} is locked for more than 5 s`,
      "Find the process that holds it: fuser -v on the file",
    );
  }

  #owes(change: Change): boolean {
    return this.#changes.some((each) => subjectOf(each) === subjectOf(change));
  }

  #note(change: Change): void {
    const subject = subjectOf(change);
    this.#changes = [...this.#changes.filter((each) => subjectOf(each) !== subject), change];
    this.#write();
  }

  #strike(subject: string): void {
    if (!this.#changes.some((change) => subjectOf(change) === subject)) return;
    this.#changes = this.#changes.filter((change) => subjectOf(change) !== subject);
    this.#write();
  }

  #write(): void {
    const entries: Entries = {
      pid: process.pid,
      started: this.#host.startOf(process.pid) ?? "",
      namespace: this.#host.namespace(),
      changes: this.#changes,
    };
    writeLedger(this.#path, entries);
  }
}
