/**
 * What one agent must be told of its configuration, and when. No I/O. At most one configuration is in flight; changes that come meanwhile
 * wait, together, for its answer. The next one starts from what the agent runs: after a refusal that is what it ran before.
 */
import type { PartsDelta } from "../../protocol/parts.ts";

export type Dispatch =
  /** Everything, from nothing. */
  { readonly kind: "full" } | { readonly kind: "delta"; readonly base: number; readonly delta: PartsDelta };

const NOTHING: PartsDelta = { put: new Map(), remove: new Set() };

export class Feed {
  /** Version that the agent runs; undefined: not one that a delta can start from. */
  #has: number | undefined;
  #flight: { readonly version: number; readonly delta: PartsDelta | "full" } | undefined;
  /** Sent, and refused: not in what the agent runs. */
  #refused: PartsDelta | "full" | undefined;
  #waiting: PartsDelta | "full" | undefined;

  /** The agent runs exactly the parts of this version. */
  inStep(version: number): void {
    this.#has = version;
  }

  /** The agent runs the newest parts, but knows them by another version. */
  renamed(version: number): void {
    this.#has = version;
    this.#waiting = NOTHING;
  }

  /** What the agent runs is of no use to start from. */
  outOfStep(): void {
    this.#has = undefined;
    this.#waiting = "full";
  }

  changed(delta: PartsDelta): void {
    this.#waiting = merged(this.#waiting, delta);
  }

  /** What to send now, if anything. It is in flight from here on, as `version`. */
  next(version: number): Dispatch | undefined {
    if (this.#flight || this.#waiting === undefined) return undefined;
    const delta = this.#has === undefined ? "full" : merged(this.#refused, this.#waiting);
    this.#waiting = undefined;
    this.#flight = { version, delta };
    return delta === "full" ? { kind: "full" } : { kind: "delta", base: this.#has as number, delta };
  }

  /** The agent answers. False: this version is not in flight, so the agent is not to be believed. */
  answered(version: number, good: boolean): boolean {
    const flight = this.#flight;
    if (flight?.version !== version) return false;
    this.#flight = undefined;
    if (good) {
      this.#has = version;
      this.#refused = undefined;
    } else this.#refused = flight.delta;
    return true;
  }

  /** Sent, not yet answered. */
  get inFlight(): boolean {
    return this.#flight !== undefined;
  }
}

/** First one, then the other. */
function merged(first: PartsDelta | "full" | undefined, then: PartsDelta | "full"): PartsDelta | "full" {
  if (first === undefined) return then;
  if (first === "full" || then === "full") return "full";
  const put = new Map(first.put);
  const remove = new Set(first.remove);
  // What the agent runs is what was before the first of them.
  const before = new Map([...(then.before ?? [])].filter(([key]) => !first.put.has(key) && !first.remove.has(key)));
  for (const [key, part] of first.before ?? []) before.set(key, part);
  for (const key of then.remove) {
    put.delete(key);
    remove.add(key);
  }
  for (const [key, part] of then.put) {
    remove.delete(key);
    put.set(key, part);
  }
  return { put, remove, ...(before.size > 0 && { before }) };
}
