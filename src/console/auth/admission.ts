/**
 * Who may try a password now. None of it asks whether there is a user of that name, so neither the answer nor its time tells.
 *
 *   name and address   5 in a minute, then a minute's pause
 *   address            20 in a minute, whatever the names, then a minute's pause
 *   name               from addresses that nobody has logged in from in a month: all of them together, see throttle.ts
 *
 * So a stranger who tries under somebody's name keeps him from nothing where somebody has logged in before, and elsewhere keeps him waiting
 * for 20 s. Guesses at one name: 5 in a minute from each address that somebody has logged in from, fewer than 800 in an hour from all others.
 */
import type { DatabaseSync } from "node:sqlite";
import { clientKey, clientNetwork } from "../address.ts";
import { Tries } from "../tries.ts";
import { KnownAddresses } from "./addresses.ts";
import { TryLater } from "./later.ts";
import { Throttle } from "./throttle.ts";

/** The tables of names and addresses stay below some 4 MB. */
const AT_ADDRESS = { most: 5, window: 60_000, keys: 10_000 };
const ADDRESS = { most: 20, window: 60_000, keys: 10_000 };

/** A try that may go on. */
export interface Admitted {
  /** Somebody has logged in from there: it need not stand behind those of strangers. */
  readonly known: boolean;
  /** The password was right. Within the transaction that writes it down. */
  good(): void;
}

export class Admission {
  readonly #addresses: KnownAddresses;
  readonly #atAddress = new Tries(AT_ADDRESS);
  readonly #address = new Tries(ADDRESS);
  readonly #throttle: Throttle;
  readonly #now: () => number;

  constructor(database: DatabaseSync, now: () => number, pause: (milliseconds: number) => Promise<void>) {
    this.#addresses = new KnownAddresses(database);
    this.#throttle = new Throttle(pause);
    this.#now = now;
  }

  /** @param ip as the request has it. @throws TryLater too-many-tries */
  async admit(name: string, ip: string): Promise<Admitted> {
    const now = this.#now();
    const address = clientKey(ip);
    const pair = `${address} ${name}`;
    const wait = Math.max(this.#atAddress.wait(pair, now), this.#address.wait(address, now));
    if (wait > 0) throw new TryLater(429, "too-many-tries", "There were too many tries with a wrong password", wait);
    const known = this.#addresses.has(address, now);
    this.#atAddress.count(pair, now);
    this.#address.count(address, now);
    try {
      if (!known) await this.#throttle.pass(name, clientNetwork(ip), now);
    } catch (error) {
      // Nobody has looked at the password.
      this.#atAddress.uncount(pair);
      this.#address.uncount(address);
      throw error;
    }
    return {
      known,
      good: () => {
        this.#atAddress.forget(pair);
        this.#address.uncount(address);
        if (!known) this.#throttle.good(name);
        this.#addresses.add(address, this.#now());
      },
    };
  }
}
