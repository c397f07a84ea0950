/**
 * What a stateful filter does, a second time: written from the RFCs that assembly/filter*.ts cite, with maps and strings, and nothing
 * of the fast path in it. Its table is never full.
 */

import type { FilterRules } from "../../../src/datapath/rules.ts";
import { address } from "./packets.ts";

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

/** A packet in the words of a rule. */
export interface Seen {
  readonly direction: "in" | "out";
  readonly from: string;
  readonly to: string;
  readonly what:
    | { readonly kind: "tcp"; readonly ports: readonly [number, number]; readonly flags: number }
    | { readonly kind: "udp"; readonly ports: readonly [number, number] }
    | { readonly kind: "echo"; readonly id: number; readonly reply: boolean }
    | { readonly kind: "other"; readonly protocol: number };
}

export type Verdict = "pass" | "filtered" | "filter-stray";

interface Flow {
  readonly opener: string;
  readonly opening: Seen;
  state: string;
  until: number;
  generation: number;
}

const TIMES: Readonly<Record<string, number>> = {
  "one-way": 120,
  replied: 300,
  query: 60,
  answered: 60,
  established: 7440,
  "fin-opener": 7440,
  "fin-replier": 7440,
};

export class FilterOracle {
  rules: FilterRules;
  generation = 1;
  hits: number[];
  /** Flows opened, and cut. */
  opened = 0;
  cut = 0;
  readonly #flows = new Map<string, Flow>();

  constructor(rules: FilterRules) {
    this.rules = rules;
    this.hits = new Array(rules.rules.length + 2).fill(0);
  }

  change(rules: FilterRules): void {
    this.rules = rules;
    this.generation++;
    this.hits = new Array(rules.rules.length + 2).fill(0);
  }

  /** `now`: seconds. */
  judge(seen: Seen, now: number): Verdict {
    const key = keyOf(seen);
    const flow = this.#flows.get(key);
    const me = endOf(seen, true);
    if (flow === undefined || flow.until <= now) return this.#open(seen, key, now);
    const opener = flow.opener === me;
    if (flow.state === "cut") {
      if (opener) return this.#open(seen, key, now);
      this.#go(flow, "cut", now);
      return "filtered";
    }
    if (opener !== (flow.opening.direction === seen.direction)) return "filter-stray";
    const flags = seen.what.kind === "tcp" ? seen.what.flags : 0;
    if (isOpening(flags) && (flow.state === "closing" || flow.state === "reset")) return this.#open(seen, key, now);
    if (flow.generation !== this.generation) {
      const { accepted, index } = this.#decide(flow.opening);
      if (!accepted) {
        this.hits[index]!++;
        this.cut++;
        this.#go(flow, "cut", now);
        return "filtered";
      }
      flow.generation = this.generation;
    }
    const next = step(flow.state, flags, opener);
    if (!(flags & RST && next === flow.state)) this.#go(flow, next, now);
    return "pass";
  }

  #open(seen: Seen, key: string, now: number): Verdict {
    const { what } = seen;
    if (what.kind === "echo" && what.reply) return "filter-stray";
    let state = what.kind === "tcp" ? "syn" : what.kind === "echo" ? "query" : "one-way";
    if (what.kind === "tcp" && !isOpening(what.flags)) {
      if (seen.direction !== "in" || (what.flags & (SYN | ACK | FIN | RST)) !== ACK) return "filter-stray";
      state = "picked-up";
    }
    const { accepted, index } = this.#decide(seen);
    if (accepted && state === "picked-up" && index >= this.rules.rules.length) return "filter-stray";
    this.hits[index]!++;
    if (!accepted) return "filtered";
    this.opened++;
    const flow = { opener: endOf(seen, true), opening: seen, state, until: 0, generation: this.generation };
    this.#go(flow, state, now);
    this.#flows.set(key, flow);
    return "pass";
  }

  #go(flow: Flow, state: string, now: number): void {
    flow.state = state;
    flow.until = now + (TIMES[state] ?? 240);
  }

  #decide(seen: Seen): { accepted: boolean; index: number } {
    const { rules } = this.rules;
    const far = address(seen.direction === "in" ? seen.from : seen.to);
    const number = protocolOf(seen);
    const port = "ports" in seen.what ? seen.what.ports[1] : undefined;
    const index = rules.findIndex((rule) => {
      if (rule.direction !== seen.direction || rule.prefix.address.length !== far.length) return false;
      if (rule.protocol !== null && rule.protocol !== number) return false;
      // The whole range of ports is no demand for one.
      const all = rule.ports === null || (rule.ports.low === 0 && rule.ports.high === 65535);
      if (!all && (port === undefined || port < rule.ports!.low || port > rule.ports!.high)) return false;
      return bits(far).startsWith(bits(rule.prefix.address).slice(0, rule.prefix.length));
    });
    if (index >= 0) return { accepted: rules[index]!.action === "accept", index };
    return {
      accepted: this.rules[seen.direction] === "accept",
      index: rules.length + (seen.direction === "in" ? 0 : 1),
    };
  }
}

function bits(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
}

function protocolOf({ what, from }: Seen): number {
  if (what.kind === "other") return what.protocol;
  return { tcp: 6, udp: 17, echo: from.includes(":") ? 58 : 1 }[what.kind];
}

function endOf({ from, to, what }: Seen, source: boolean): string {
  const port = "ports" in what ? `#${what.ports[source ? 0 : 1]}` : "";
  return `${source ? from : to}${port}`;
}

function keyOf(seen: Seen): string {
  const { what } = seen;
  const ends = [endOf(seen, true), endOf(seen, false)];
  if (what.kind === "echo")
    return `echo ${what.id} asked by ${ends[what.reply ? 1 : 0]} of ${ends[what.reply ? 0 : 1]}`;
  return `${protocolOf(seen)} ${ends.sort().join(" ")}`;
}

function isOpening(flags: number): boolean {
  return (flags & (SYN | ACK | FIN | RST)) === SYN;
}

/** The table of states, row by row. */
function step(state: string, flags: number, opener: boolean): string {
  if (state === "one-way") return opener ? state : "replied";
  if (state === "query") return opener ? state : "answered";
  if (state === "replied" || state === "answered") return state;
  if (flags & RST) return "reset";
  const fin = (flags & FIN) !== 0;
  const ack = (flags & ACK) !== 0;
  switch (state) {
    case "syn":
      return !opener && flags & SYN ? "syn-ack" : state;
    case "syn-ack":
      return opener && ack ? (fin ? "fin-opener" : "established") : state;
    case "picked-up":
      return !opener && ack ? (fin ? "fin-replier" : "established") : state;
    case "established":
      return fin ? (opener ? "fin-opener" : "fin-replier") : state;
    case "fin-opener":
      return !opener && fin ? "closing" : state;
    case "fin-replier":
      return opener && fin ? "closing" : state;
    default:
      return state;
  }
}
