/**
 * What all IKE SAs of one endpoint share: clock, alarms, randomness, tables, counters, and the list of effects of the call
 * that is running. There is no I/O here; `begin` … `finish` enclose every call of the endpoint.
 */
import { Bucket } from "./bucket.ts";
import type { Credentials } from "./certificate/index.ts";
import { Cookies } from "./cookie.ts";
import { type CounterName, Counters } from "./counter.ts";
import { Directory } from "./directory.ts";
import type { Datagram, Effect, IkeEvent } from "./effect.ts";
import type { IkeEnvironment, IkeOptions } from "./environment.ts";
import { HalfOpen } from "./half-open.ts";
import { Linger } from "./linger.ts";
import { OutboundSpis } from "./outbound.ts";
import type { IkeSa } from "./sa.ts";
import { type Alarm, Schedule } from "./schedule.ts";
import { Sparing } from "./sparing.ts";
import { wipe } from "./suite/index.ts";
import { CrashTokens } from "./token.ts";

export class Realm {
  readonly environment: IkeEnvironment;
  readonly options: IkeOptions;
  readonly counters = new Counters();
  readonly schedule = new Schedule();
  readonly halfOpen: HalfOpen;
  readonly linger: Linger;
  readonly cookies: Cookies;
  /** Every IKE SA by our SPI. */
  readonly sas = new Map<bigint, IkeSa>();
  readonly neighbours = new Directory();
  /** Every Child SA by the SPI that we send with. */
  readonly outbound = new OutboundSpis();
  /** Proves to peers that we lost an IKE SA; undefined: this router has no secret for it. */
  readonly tokens: CrashTokens | undefined;
  /** Who may be given a hint, and a proof that we lost an IKE SA. */
  readonly hints: Sparing;
  readonly proofs: Sparing;
  /** What proves to peers with certificates who we are. */
  credentials: Credentials | undefined;
  /** Time of the call that is running, ms. */
  now = 0;
  #effects: Effect[] = [];
  #spent: Uint8Array[] = [];
  #nextId = 1;
  /** Answers to strangers, and events about them. */
  readonly #answers: Bucket;
  readonly #notices: Bucket;
  /** Liveness checks because of hints. */
  readonly #checks: Bucket;

  constructor(environment: IkeEnvironment, options: IkeOptions) {
    this.environment = environment;
    this.options = options;
    this.halfOpen = new HalfOpen(options.halfOpen);
    this.linger = new Linger(options.linger.limit, options.linger.lifetime);
    this.cookies = new Cookies((n) => environment.random(n));
    this.#answers = new Bucket(options.unprotected.perSecond, options.unprotected.burst);
    this.#notices = new Bucket(options.unprotected.perSecond, options.unprotected.burst);
    const { crashSecret } = environment;
    this.tokens = crashSecret && new CrashTokens(crashSecret);
    const { all, each } = options.recovery;
    this.hints = new Sparing(all, each);
    this.proofs = new Sparing(all, each);
    this.#checks = new Bucket(all.perSecond, all.burst);
  }

  /** A call begins. The effects of the last one have been carried out, so its keys are forgotten. */
  begin(now: number): void {
    this.now = Math.max(now, this.now);
    wipe(...this.#spent);
    this.#spent = [];
    this.#effects = [];
  }

  finish(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When a call is wanted: an alarm is due, or keys of the last effects wait to be forgotten. */
  next(): number | undefined {
    return this.#spent.length > 0 ? this.now : this.schedule.next();
  }

  /** Keys that went into an effect: wiped when the next call begins. */
  spend(...keys: Uint8Array[]): void {
    this.#spent.push(...keys);
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  send(datagram: Datagram): void {
    this.emit({ kind: "send", datagram });
  }

  event(level: IkeEvent["level"], code: string, message: string, peer?: string): void {
    this.emit({ kind: "event", event: peer === undefined ? { level, code, message } : { peer, level, code, message } });
  }

  /** An event that a stranger caused: strangers must not be able to fill the log. */
  notice(code: string, message: string, peer?: string): void {
    if (this.#notices.take(this.now)) this.event("warn", code, message, peer);
  }

  /** May we answer one more message that belongs to no IKE SA? */
  mayAnswerStranger(): boolean {
    if (this.#answers.take(this.now)) return true;
    this.count("rate-limited");
    return false;
  }

  /** May a hint make us ask one more peer whether it lives? */
  mayAskForHint(): boolean {
    if (this.#checks.take(this.now)) return true;
    this.count("rate-limited");
    return false;
  }

  count(name: CounterName): void {
    this.counters.count(name);
  }

  /** Runs `run` in `ms` milliseconds, within a call of its own. */
  after(ms: number, run: () => void): Alarm {
    return this.schedule.set(this.now + Math.max(0, ms), run);
  }

  cancel(alarm: Alarm | undefined): void {
    this.schedule.cancel(alarm);
  }

  random(n: number): Uint8Array {
    return this.environment.random(n).slice();
  }

  /** `ms` less a random part of at most `part` (0–1) of it. */
  jittered(ms: number, part: number): number {
    const bytes = this.environment.random(4);
    const fraction = (((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0) / 2 ** 32;
    return Math.round(ms * (1 - Math.min(Math.max(part, 0), 1) * fraction));
  }

  /** first · 2^attempts, at most limit, less a random half: peers that fell together do not come back together. */
  backOff(bounds: { readonly first: number; readonly limit: number }, attempts: number): number {
    return this.jittered(Math.min(bounds.limit, bounds.first * 2 ** Math.min(attempts, 30)), 0.5);
  }

  /** A fresh SPI for an IKE SA: random, not 0, not in use. */
  newSpi(): bigint {
    for (;;) {
      const bytes = this.random(8);
      const spi = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
      if (spi !== 0n && !this.sas.has(spi)) return spi;
    }
  }

  /** A number for a Child SA that no other one ever had. */
  newId(): number {
    return this.#nextId++;
  }
}
