/**
 * Attachments in other networks than the host's own: VPCs in network namespaces or VRF devices, leased lines. What they stand on
 * belongs to others and may come later, go, and come again. So an attachment that cannot be made is told in the status with its
 * reason and tried again, and keeps nothing else from running; as long as it is not there, packets to it are refused.
 *
 *   follow, reach   the configuration wants it so; nothing is done yet but to take down what goes
 *   look            makes what can be made, takes down what has lost its ground
 */
import type { Plane } from "../datapath/plane.ts";
import { equal } from "./config/equal.ts";
import type { Action } from "./diff.ts";
import { sentenceOf } from "./error.ts";
import type { Fabric } from "./fabric.ts";
import type { Host, KernelRoute, LinkBell } from "./host.ts";
import type { Loans } from "./loans.ts";
import type { Log } from "./log.ts";
import { type InstalledRoutes, install, recount } from "./networkroutes.ts";
import { type AttachmentWish, groundOf, type Settled, settle } from "./place.ts";
import type { ResourceOf } from "./resource.ts";

export interface AttachmentsParts {
  readonly plane: Plane;
  readonly host: Host;
  readonly loans: Loans;
  readonly log: Log;
  readonly fabric: Fabric;
}

export interface AttachmentState {
  /** up: it is there; waiting: what it stands on is not there; failed: it could not be made. */
  readonly state: "up" | "waiting" | "failed";
  /** Why it is not up, or what of it did not go; null: nothing. */
  readonly reason: string | null;
}

interface Made extends Settled {
  /** What was borrowed for it (`subjectOf`), perhaps together with others. */
  readonly borrowed: string[];
  readonly adjacency: number;
  readonly device: string;
  readonly ground: string;
  /** Kernel routes that are there. */
  readonly installed: InstalledRoutes;
}

interface Entry {
  wish: AttachmentWish;
  made: Made | undefined;
  told: AttachmentState;
  /** The wish, or what it can reach, has changed since the last look, or its device has gone. */
  stale: boolean;
  /** Namespace seen at the last look. */
  seen: string | undefined;
  /** Milliseconds of the clock of `due`. */
  triedAt: number;
}

/** What failed is tried again after so long; milliseconds. */
const RETRY = 10_000;

/** Looks may take this share of the time at most, whatever happens to the links: 1 / 20. */
const PAUSE = 20;
/** … but pauses are no longer than this; milliseconds. */
const LONGEST = 3000;

/** Attachments worked on side by side: each waits for `ip` most of the time. */
const ABREAST = 4;

const WAITING: AttachmentState = { state: "waiting", reason: null };

export class Attachments {
  readonly #parts: AttachmentsParts;
  readonly #entries = new Map<string, Entry>();
  /** By VRF. */
  readonly #reach = new Map<string, readonly string[]>();
  #bell: LinkBell | undefined;
  #rung = false;
  #last = { ended: 0, took: 0 };

  constructor(parts: AttachmentsParts) {
    this.#parts = parts;
  }

  /** By name. */
  states(): ReadonlyMap<string, AttachmentState> {
    return new Map([...this.#entries].map(([name, { told }]) => [name, told]));
  }

  /** The configuration wants it so; `look` makes it. */
  async follow(op: Action["op"], wish: AttachmentWish): Promise<void> {
    const { name } = wish;
    const entry = this.#entries.get(name);
    if (op !== "remove" && entry && staysAsItIs(entry.wish, wish)) {
      if (entry.made && entry.wish.filter !== wish.filter) this.#parts.fabric.guard(entry.made.adjacency, wish.filter);
      entry.wish = wish;
      entry.stale = true;
      return;
    }
    if (entry) await this.#takeDown(entry);
    if (op === "remove") this.#entries.delete(name);
    else {
      const triedAt = Number.NEGATIVE_INFINITY;
      this.#entries.set(name, { wish, made: undefined, told: WAITING, stale: true, seen: undefined, triedAt });
    }
  }

  /** What a VRF's attachments can reach. */
  reach(op: Action["op"], { vrf, prefixes }: ResourceOf<"reach">): void {
    if (op === "remove") this.#reach.delete(vrf);
    else this.#reach.set(vrf, prefixes);
    for (const entry of this.#entries.values()) if (entry.wish.vrf === vrf) entry.stale = true;
  }

  /** A TUN device has gone. False: it is none of these. */
  gone(adjacency: number): boolean {
    for (const entry of this.#entries.values()) {
      if (entry.made?.adjacency !== adjacency) continue;
      entry.stale = true;
      entry.made = { ...entry.made, ground: "" };
      return true;
    }
    return false;
  }

  /** Has anything changed that an attachment stands on, and is it time to look? */
  due(now = performance.now()): boolean {
    if (this.#bell?.rang()) this.#rung = true;
    if (now - this.#last.ended < Math.min(LONGEST, PAUSE * this.#last.took)) return false;
    if (this.#rung) return true;
    for (const entry of this.#entries.values()) {
      if (entry.stale || (entry.told.state === "failed" && now - entry.triedAt > RETRY)) return true;
      if (this.#namespaceOf(entry) !== entry.seen) return true;
    }
    return false;
  }

  /** Never throws. */
  async look(): Promise<void> {
    if (this.#entries.size === 0) return;
    const begun = performance.now();
    const rung = this.#rung;
    this.#rung = false;
    const { host, log } = this.#parts;
    this.#listen();
    try {
      const onHost = [...this.#entries.values()].some(({ wish }) => wish.place.kind !== "namespace");
      const links = onHost ? await host.listLinks() : [];
      await abreast(ABREAST, [...this.#entries.values()], (entry) => this.#attend(entry, links, rung));
    } catch (error) {
      this.#rung = true;
      log.error({ err: error }, "the attachments could not be looked at");
    }
    const ended = performance.now();
    this.#last = { ended, took: ended - begun };
  }

  /** Nothing is noticed any more. What was made goes by `follow`. */
  close(): void {
    this.#bell?.close();
    this.#bell = undefined;
  }

  async #attend(entry: Entry, links: Parameters<typeof groundOf>[2], rung: boolean): Promise<void> {
    const { host } = this.#parts;
    const { wish } = entry;
    const seen = this.#namespaceOf(entry);
    if (seen !== entry.seen) entry.stale = true;
    entry.seen = seen;
    const ground = groundOf(wish, host, links);
    const id = "id" in ground ? ground.id : undefined;
    try {
      if (entry.made && entry.made.ground !== id) await this.#takeDown(entry);
      if ("missing" in ground) {
        entry.stale = false;
        this.#tell(entry, { state: "waiting", reason: ground.missing });
        return;
      }
      const due = entry.told.state !== "failed" || entry.stale || performance.now() - entry.triedAt > RETRY;
      if (!entry.made && due) await this.#make(entry, ground.id);
      else if (entry.made && (entry.stale || (rung && wish.place.kind === "line")))
        await this.#route(entry, entry.made);
      entry.stale = false;
    } catch (error) {
      entry.triedAt = performance.now();
      await this.#takeDown(entry).catch((fault) => this.#parts.log.error({ err: fault }, "could not take it down"));
      entry.stale = false;
      this.#tell(entry, { state: "failed", reason: sentenceOf(error) });
    }
  }

  async #make(entry: Entry, ground: string): Promise<void> {
    const { plane, host, loans, fabric } = this.#parts;
    const { name, vrf, device, filter } = entry.wish;
    entry.triedAt = performance.now();
    loans.tun(device);
    let adjacency: number;
    try {
      adjacency = plane.addTun(device, fabric.vrf(vrf) as number);
    } catch (error) {
      loans.tunGone(device);
      throw error;
    }
    // Before the first packet.
    if (filter !== null) fabric.guard(adjacency, filter);
    const bare = { where: {}, table: undefined, routes: () => [], installed: new Map<string, KernelRoute>() };
    const borrowed: string[] = [];
    entry.made = { ...bare, borrowed, adjacency, device, ground };
    entry.made = { ...entry.made, ...(await settle(entry.wish, ground, { host, loans, borrowed })) };
    await this.#route(entry, entry.made);
    fabric.attach(name, adjacency);
  }

  /** Makes the kernel's routes what they should be. A prefix that the network has a route to already is left to it, and told. */
  async #route(entry: Entry, made: Made): Promise<void> {
    const { host } = this.#parts;
    const { wish } = entry;
    const own = new Set(wish.local);
    const reach = (this.#reach.get(wish.vrf) ?? []).filter((prefix) => !own.has(prefix));
    if (wish.place.kind === "line" && made.table !== undefined) await recount(made.installed, host, made.table);
    const refused = await install(made.installed, made.routes(reach), host, made.where);
    const more = refused.length > 3 ? ` and ${refused.length - 3} more` : "";
    const reason =
      refused.length === 0 ? null : `there is another route to ${refused.slice(0, 3).join(", ")}${more} already`;
    this.#tell(entry, { state: "up", reason });
  }

  async #takeDown(entry: Entry): Promise<void> {
    const { plane, loans, fabric } = this.#parts;
    const { made } = entry;
    if (!made) return;
    entry.made = undefined;
    entry.stale = true;
    fabric.attach(entry.wish.name, undefined);
    plane.removeTun(made.adjacency);
    loans.tunGone(made.device);
    const needed = new Set([...this.#entries.values()].flatMap((other) => other.made?.borrowed ?? []));
    for (const subject of [...made.borrowed].reverse()) if (!needed.has(subject)) await loans.giveBack(subject);
  }

  #namespaceOf({ wish: { place } }: Entry): string | undefined {
    return place.kind === "namespace" ? this.#parts.host.namespaceId(place.name) : undefined;
  }

  #listen(): void {
    const needed = [...this.#entries.values()].some(({ wish }) => wish.place.kind !== "namespace");
    if (!needed || this.#bell) return;
    try {
      this.#bell = this.#parts.host.listen();
    } catch (error) {
      this.#parts.log.warn({ err: error }, "changes of the interfaces of leased lines are not noticed");
    }
  }

  /** What is new, once. */
  #tell(entry: Entry, now: AttachmentState): void {
    const { told, wish } = entry;
    entry.told = now;
    if (told.state === now.state && told.reason === now.reason) return;
    const fields = { attachment: wish.name, vrf: wish.vrf };
    if (now.state === "up" && now.reason === null) this.#parts.log.info(fields, "attachment is up");
    else this.#parts.log.warn(fields, `attachment is ${now.state}: ${now.reason}`);
  }
}

/** Can the one become the other without its device being made anew? A line's prefixes are part of how it is made. */
function staysAsItIs(was: AttachmentWish, now: AttachmentWish): boolean {
  return (
    equal({ ...was, local: [], filter: null }, { ...now, local: [], filter: null }) &&
    (was.place.kind !== "line" || equal(was.local, now.local))
  );
}

/** Works on all, `count` at a time. */
async function abreast<T>(count: number, all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const lane = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: count }, lane));
}
