/**
 * Failed logins, as the record has them: it is append-only, and whoever reaches the console can fail.
 *
 *   failure ── of one user and address: 1, then one a minute ── of one user: 10, then one in 5 minutes ── of all: 100, then one in 30 s ──▶ audit
 *
 * What is held back is written as one entry with a count, and where the tries came from. So the first failure of a user at an address stands
 * there at once, and no number of addresses makes more than 300 entries of one user in a day, nor more than 3,000 of all.
 *
 * Written a moment after the answer, so that nobody sees from how long it takes whether there is such a user.
 */

import { clientKey } from "../address.ts";
import type { Author } from "../author.ts";
import { Held } from "../held.ts";
import type { Audit, AuditEntry } from "./audit.ts";

/** Users and addresses that are remembered take 2 MB at most. */
const OF_PAIR = { most: 1, every: 60_000, keys: 10_000 };
const OF_USER = { most: 10, every: 300_000, keys: 10_000 };
const OF_ALL = { most: 100, every: 30_000 };

/** Milliseconds until it is written, and until it is tried again. */
const SOON = 100;
const AGAIN = 10_000;

/** Users, and addresses, in one entry. */
const NAMED = 5;

interface Failures {
  /** The last that failed. */
  readonly author: Author;
  readonly count: number;
  readonly users: readonly string[];
  readonly addresses: readonly string[];
}

export class FailedLogins {
  readonly #audit: Audit;
  readonly #fault: (error: unknown) => void;
  readonly #pairs: Held<Failures>;
  readonly #users: Held<Failures>;
  readonly #all: Held<Failures>;
  readonly #waiting: Failures[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param fault told when something cannot be written; it is tried again */
  constructor(audit: Audit, fault: (error: unknown) => void) {
    this.#audit = audit;
    this.#fault = fault;
    this.#all = new Held(OF_ALL, { tell: (all) => this.#soon(all), fold });
    this.#users = new Held(OF_USER, { tell: (one) => this.#all.add("", one), fold });
    this.#pairs = new Held(OF_PAIR, { tell: (one) => this.#users.add(one.author.user, one), fold });
  }

  /** @param author "unknown" where there is no such user */
  add(author: Author): void {
    const { user, address } = author;
    this.#pairs.add(`${clientKey(address)} ${user}`, { author, count: 1, users: [user], addresses: [address] });
  }

  /** Writes what is held back. */
  flush(): void {
    this.#pairs.flush();
    this.#users.flush();
    this.#all.flush();
    this.#write();
    clearTimeout(this.#timer);
  }

  #soon(one: Failures): void {
    this.#waiting.push(one);
    this.#timer ??= setTimeout(() => this.#write(), SOON).unref();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      for (let one = this.#waiting[0]; one; one = this.#waiting[0]) {
        this.#audit(entryOf(one));
        this.#waiting.shift();
      }
    } catch (error) {
      this.#timer = setTimeout(() => this.#write(), AGAIN).unref();
      this.#fault(error);
    }
  }
}

function fold({ count, users, addresses }: Failures, next: Failures): Failures {
  return {
    author: next.author,
    count: count + next.count,
    users: some(users, next.users),
    addresses: some(addresses, next.addresses),
  };
}

/** One more than is shown tells that there are more. */
function some(known: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...known, ...more])].slice(0, NAMED + 1);
}

function entryOf({ author, count, users, addresses }: Failures): AuditEntry {
  const one = users.length === 1;
  return {
    author: one ? author : { ...author, user: "unknown", role: "viewer" },
    action: "login-failed",
    subject: one ? `user ${author.user}` : `users ${list(users)}`,
    outcome: "refused",
    detail: count === 1 ? {} : { count, from: list(addresses) },
    stranger: true,
  };
}

/** "a,b" or "a,b,c,d,e,…" */
function list(names: readonly string[]): string {
  return [...names.slice(0, NAMED), ...(names.length > NAMED ? ["…"] : [])].join(",");
}
