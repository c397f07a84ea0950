/**
 * The LAN side of the host: finds the devices where packets of the local prefixes come in, and has the kernel put UDP
 * datagrams together there (GRO forwarding), so that the TUN device gives superpackets. It only makes things quicker: what cannot
 * be done is told in the status and once in the log, and keeps nothing else from running.
 *
 *   follow(wish)   the configuration wants it so
 *   look()         links or routes may have changed: what is new is set, what is no longer a LAN device is given back
 */
import { type Entrance, entrances } from "./entrances.ts";
import { sentenceOf } from "./error.ts";
import { type Forwarding, forwardingOf, NEEDED } from "./forwarding.ts";
import type { Host, LinkBell } from "./host.ts";
import type { Loans } from "./loans.ts";
import type { Log } from "./log.ts";
import type { ResourceOf } from "./resource.ts";

export type LanWish = ResourceOf<"lan">;

export interface LanState {
  /** Device where packets come in; "": none was found. */
  readonly interface: string;
  /** Links above it that the routes lead to: a bridge, a VLAN. */
  readonly via: readonly string[];
  /** set: on, by us; already: it was on; off: switched off; failed: it could not be done. */
  readonly state: "set" | "already" | "off" | "failed";
  /** Why it is off or failed, or what else did not go; null: nothing. */
  readonly reason: string | null;
}

/** What is known of a device, by its index: a new one of the same name starts anew. */
interface Mark {
  /** Somebody else has switched it off since; theirs it is. */
  left: boolean;
  /** It was tried and refused; not tried again. */
  refused: string | undefined;
  /** Packets are gathered as wished, or could not be: a sentence. */
  gathered: true | string | undefined;
}

/** Looks may take this share of the time at most, whatever happens to the routes: 1 / 50. */
const PAUSE = 50;

export class Lan {
  readonly #host: Host;
  readonly #loans: Loans;
  readonly #log: Log;
  /** State of USO: without it superpackets of UDP would be cut before the TUN device gives them. */
  readonly #uso: () => string;
  readonly #marks = new Map<number, Mark>();
  #wish: LanWish | undefined;
  #bell: LinkBell | undefined;
  #rung = false;
  #states: readonly LanState[] = [];
  /** Milliseconds: when the last look ended, how long it took. */
  #last = { ended: 0, took: 0 };

  constructor(host: Host, loans: Loans, log: Log, uso: () => string) {
    this.#host = host;
    this.#loans = loans;
    this.#log = log;
    this.#uso = uso;
  }

  states(): readonly LanState[] {
    return this.#states;
  }

  /** Undefined: nothing is wanted any more, and all is given back. */
  async follow(wish: LanWish | undefined): Promise<void> {
    const gathers = this.#wish?.holdUs;
    this.#wish = wish;
    if (gathers !== wish?.holdUs) await this.#giveBack((subject) => subject.startsWith("napi "));
    // A new wish is a new try.
    this.#marks.clear();
    if (wish) {
      this.#listen();
      await this.look();
      return;
    }
    await this.#giveBack((subject) => /^(feature|napi) /.test(subject));
    this.#bell?.close();
    this.#bell = undefined;
    this.#states = [];
  }

  /** Have links or routes changed, and is it time to look? */
  due(now = performance.now()): boolean {
    if (this.#bell?.rang()) this.#rung = true;
    return this.#rung && now - this.#last.ended > PAUSE * this.#last.took;
  }

  /** Never throws. */
  async look(): Promise<void> {
    const wish = this.#wish;
    if (!wish) return;
    const begun = performance.now();
    this.#rung = false;
    let states: LanState[];
    try {
      states = await this.#look(wish);
    } catch (error) {
      states = [{ interface: "", via: [], state: "failed", reason: sentenceOf(error) }];
    }
    this.#tell(states);
    this.#states = states;
    const ended = performance.now();
    this.#last = { ended, took: ended - begun };
  }

  async #look(wish: LanWish): Promise<LanState[]> {
    const [links, ways] = await Promise.all([
      this.#host.listLinks(),
      wish.interfaces ? [] : this.#host.waysTo(wish.prefixes),
    ]);
    const { found, blind } = entrances(wish, links, ways);
    const here = new Set(found.map(({ link }) => link.index));
    await this.#giveBack((subject) => {
      const [kind, index] = subject.split(" ");
      return (kind === "feature" || kind === "napi") && !here.has(Number(index));
    });
    for (const index of this.#marks.keys()) if (!here.has(index)) this.#marks.delete(index);
    const states: LanState[] = [];
    for (const entrance of found) {
      const { name } = entrance.link;
      const state = await this.#attend(wish, entrance).catch((error) => this.#refuse(entrance, sentenceOf(error)));
      states.push({ interface: name, via: entrance.via, ...state });
    }
    for (const { name, why } of blind) states.push({ interface: name, via: [], state: "failed", reason: why });
    return states;
  }

  async #attend(wish: LanWish, { link }: Entrance): Promise<Verdict> {
    const off = wish.gro ? this.#needsUso() : "by configuration";
    if (off !== undefined) {
      await this.#giveBack((subject) => isOf(subject, link.index));
      return { state: "off", reason: off };
    }
    const mark = this.#mark(link.index);
    const features = this.#host.features(link.name);
    for (const name of NEEDED) {
      const subject = `feature ${link.index} ${name}`;
      if (!this.#loans.owed().includes(subject) || features.get(name)?.wanted) continue;
      this.#loans.forget(subject);
      mark.left = true;
    }
    const forwarding = forwardingOf(link.name, features);
    if (forwarding.state === "on") mark.left = false;
    if (mark.left) return { state: "off", reason: "somebody else has switched it off" };
    if (mark.refused !== undefined) return { state: "failed", reason: mark.refused };
    if (forwarding.state === "cannot") {
      await this.#giveBack((subject) => isOf(subject, link.index));
      return { state: "failed", reason: whyNot(forwarding) };
    }
    let ours = false;
    // Also when it is on: another router of ours may have set it, and then the last one to go gives it back.
    for (const name of NEEDED) ours = (await this.#loans.feature(link, name)) || ours;
    return { state: ours ? "set" : "already", reason: await this.#gather(wish, link, mark) };
  }

  /** Has packets wait for each other, where that is wished. Null, or why not. */
  async #gather({ holdUs }: LanWish, link: Entrance["link"], mark: Mark): Promise<string | null> {
    if (holdUs === 0) return null;
    if (mark.gathered === undefined) {
      try {
        await this.#loans.napi(link, "gro_flush_timeout", holdUs * 1000);
        await this.#loans.napi(link, "napi_defer_hard_irqs", DEFER);
        mark.gathered = true;
      } catch (error) {
        mark.gathered = `packets are not held: ${sentenceOf(error)}`;
      }
    }
    return mark.gathered === true ? null : mark.gathered;
  }

  async #refuse({ link }: Entrance, reason: string): Promise<Verdict> {
    this.#mark(link.index).refused = reason;
    await this.#giveBack((subject) => isOf(subject, link.index));
    return { state: "failed", reason };
  }

  #mark(index: number): Mark {
    const mark = this.#marks.get(index) ?? { left: false, refused: undefined, gathered: undefined };
    this.#marks.set(index, mark);
    return mark;
  }

  #needsUso(): string | undefined {
    const uso = this.#uso();
    return uso === "on" ? undefined : `USO is ${uso}`;
  }

  /** Last borrowed first. */
  async #giveBack(which: (subject: string) => boolean): Promise<void> {
    for (const subject of this.#loans.owed().reverse()) if (which(subject)) await this.#loans.giveBack(subject);
  }

  #listen(): void {
    try {
      this.#bell ??= this.#host.listen();
    } catch (error) {
      this.#log.warn({ err: error }, "changes of links and routes are noticed once a minute only");
    }
  }

  /** What is new, once. */
  #tell(states: readonly LanState[]): void {
    for (const now of states) {
      const was = this.#states.find((state) => state.interface === now.interface);
      if (was?.state === now.state && was.reason === now.reason) continue;
      const fields = now.interface === "" ? {} : { interface: now.interface };
      if (now.state === "failed") this.#log.warn(fields, `no GRO forwarding: ${now.reason}`);
      else if (now.state === "off") this.#log.info(fields, `GRO forwarding off: ${now.reason}`);
      else {
        this.#log.info(fields, now.state === "set" ? "GRO forwarding on" : "GRO forwarding was on already");
        if (now.reason !== null) this.#log.warn(fields, now.reason);
      }
    }
  }
}

type Verdict = Pick<LanState, "state" | "reason">;

/** Polls that may find nothing before the device interrupts again; one would end the waiting at once. */
const DEFER = 2;

function isOf(subject: string, index: number): boolean {
  return subject.startsWith(`feature ${index} `) || subject.startsWith(`napi ${index} `);
}

/** The reason with what to do about it. */
function whyNot({ why, next }: Extract<Forwarding, { readonly state: "cannot" }>): string {
  return next === "" ? why : `${why}. ${next}`;
}
