/**
 * Tries at the password of one name from addresses that nobody has logged in from, all of them together. They are never refused for good:
 * each waits, the longer the more there were, and a few wait at once, one for each network. So who tries from one network, or from a few,
 * keeps nobody out, and a right password is late by LONGEST at most.
 *
 * Guesses at one name from any number of such addresses: FREE at once, then PLACES in LONGEST; fewer than 800 in any hour. A password has
 * 12 characters or more.
 */
import { Tries } from "../tries.ts";
import { TryLater } from "./later.ts";

/** Tries in an hour that do not wait. */
const FREE = 10;
/** Milliseconds; the first that waits, and twice as long each time up to the longest. Clients wait for an answer for half a minute. */
const SHORTEST = 1000;
const LONGEST = 20_000;
/** Of a name, that wait at once. */
const PLACES = 4;
/** Milliseconds until it is worth coming back when all places are taken. */
const COME_BACK = 5000;

const HOUR = 3_600_000;
/** Names, whether there is such a user or not. */
const NAMES = 10_000;

export class Throttle {
  readonly #pause: (milliseconds: number) => Promise<void>;
  readonly #names = new Tries({ most: Number.POSITIVE_INFINITY, window: HOUR, keys: NAMES });
  /** Networks by the name for which they wait. */
  readonly #waiting = new Map<string, Set<string>>();

  constructor(pause: (milliseconds: number) => Promise<void>) {
    this.#pause = pause;
  }

  /** When this is over the password may be looked at. @throws TryLater too-many-tries: all places are taken, or this network has one */
  async pass(name: string, network: string, now: number): Promise<void> {
    const tries = this.#names.count(name, now);
    if (tries <= FREE) return;
    const waiting = this.#waiting.get(name) ?? new Set();
    if (waiting.size >= PLACES || waiting.has(network)) {
      this.#names.uncount(name);
      throw new TryLater(429, "too-many-tries", "There were too many tries with a wrong password", COME_BACK);
    }
    this.#waiting.set(name, waiting.add(network));
    try {
      await this.#pause(Math.min(LONGEST, SHORTEST * 2 ** (tries - FREE - 1)));
    } finally {
      waiting.delete(network);
      if (waiting.size === 0) this.#waiting.delete(name);
    }
  }

  /** The password was right. */
  good(name: string): void {
    this.#names.uncount(name);
  }
}
