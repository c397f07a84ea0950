/**
 * API tokens: `vcpe_` and 256 random bits, shown once, kept as SHA-256. A fast hash is enough for what cannot be guessed.
 *
 * A token that another one made has no power that its maker has not: no higher role, no later end, and it is gone when its maker is. So
 * who revokes a token that was stolen has revoked all that the thief made with it.
 */
import { createHash, randomBytes, randomInt } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { ConsoleError } from "../error.ts";
import { covers, lesser, type Role } from "./author.ts";

export interface Token {
  readonly id: string;
  readonly user: string;
  /** What it is for, in its maker's words. */
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since the Unix epoch; expires null: never, used null: never yet. */
  readonly created: number;
  readonly expires: number | null;
  readonly used: number | null;
  /** Id of the token that made it; null: a session did. */
  readonly parent: string | null;
}

/** What is asked for. */
export interface Wanted {
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since the Unix epoch; null: never; undefined: as late as is usual and may be. */
  readonly expires: number | null | undefined;
}

/** Whom a token speaks for. */
export interface Bearer {
  readonly user: string;
  readonly role: Role;
  readonly id: string;
  readonly expires: number | null;
}

interface Row extends Token {
  readonly owner: Role;
  readonly disabled: number;
  readonly must_change: number;
}

/** Life of a token that does not say otherwise, milliseconds: 90 days. */
const LIFE = 90 * 24 * 3_600_000;
/** Tokens a user may have. */
const MOST = 100;
/** The last use is written down at most this often, milliseconds. */
const TOUCH = 60_000;
const TEXT = /^vcpe_[\w-]{43}$/;
const COLUMNS = "token.id, token.user, token.name, token.role, token.created, token.expires, token.used, token.parent";

export class Tokens {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * The token itself is in the reply and nowhere else. @param parent the token that makes it; undefined: a session does
   * @throws ConsoleError role, expires: more than its maker has; too-many
   */
  make(
    { user, role: own }: { readonly user: string; readonly role: Role },
    parent: Bearer | undefined,
    { name, role, expires: wanted }: Wanted,
    now: number,
  ): { token: Token; text: string } {
    const end = parent?.expires ?? null;
    demandRole(own, role);
    const expires = wanted === undefined ? earlier(now + LIFE, end) : wanted;
    demandEnd(end, expires);
    this.#database.prepare("DELETE FROM token WHERE expires <= ?").run(now);
    if (this.list(user).length >= MOST)
      throw new ConsoleError(409, "too-many", `"${user}" has ${MOST} tokens already`, "Revoke one that is not needed");
    const text = `vcpe_${randomBytes(32).toString("base64url")}`;
    const id = `tok-${Array.from({ length: 10 }, () => randomInt(36).toString(36)).join("")}`;
    this.#database
      .prepare(
        "INSERT INTO token (id, hash, user, name, role, created, expires, parent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(id, hashOf(text), user, name, role, now, expires, parent?.id ?? null);
    return { token: this.get(id), text };
  }

  /**
   * Whom a token speaks for, and with which role: its own, or its owner's if that has become the lesser one. Undefined: it is none,
   * has expired, or its owner may not log in.
   */
  use(text: string, now: number): Bearer | undefined {
    const row = this.#row(text, now);
    if (!row) return undefined;
    if (now - (row.used ?? 0) >= TOUCH)
      this.#database.prepare("UPDATE token SET used = ? WHERE id = ?").run(now, row.id);
    return bearer(row);
  }

  /** The same, without being a use of it. */
  look(text: string, now: number): Bearer | undefined {
    const row = this.#row(text, now);
    return row && bearer(row);
  }

  #row(text: string, now: number): Row | undefined {
    if (!TEXT.test(text)) return undefined;
    const row = this.#database
      .prepare(
        `SELECT ${COLUMNS}, user.role AS owner, user.disabled, user.must_change FROM token JOIN user ON user.name = token.user WHERE token.hash = ?`,
      )
      .get(hashOf(text)) as Row | undefined;
    if (!row || row.disabled === 1 || row.must_change === 1) return undefined;
    return row.expires !== null && row.expires <= now ? undefined : row;
  }

  /** Of one user, or of all. */
  list(user?: string): Token[] {
    const rows =
      user === undefined
        ? this.#database.prepare(`SELECT ${COLUMNS} FROM token ORDER BY user, created, id`).all()
        : this.#database.prepare(`SELECT ${COLUMNS} FROM token WHERE user = ? ORDER BY created, id`).all(user);
    return rows.map((row) => ({ ...row }) as unknown as Token);
  }

  /** @throws ConsoleError not-found */
  get(id: string): Token {
    const row = this.#database.prepare(`SELECT ${COLUMNS} FROM token WHERE id = ?`).get(id);
    if (row) return { ...row } as unknown as Token;
    throw noToken(id);
  }

  /** With all that it made. */
  revoke(id: string): void {
    this.#database.prepare("DELETE FROM token WHERE id = ?").run(id);
  }

  revokeAll(user: string): void {
    this.#database.prepare("DELETE FROM token WHERE user = ?").run(user);
  }
}

/** Also of one that is somebody else's. */
export function noToken(id: string): ConsoleError {
  return new ConsoleError(404, "not-found", `There is no token "${id}"`, "See your tokens: GET /v1/tokens");
}

function bearer({ user, role, owner, id, expires }: Row): Bearer {
  return { user, role: lesser(role, owner), id, expires };
}

function demandRole(own: Role, wanted: Role): void {
  if (covers(own, wanted)) return;
  throw new ConsoleError(
    403,
    "role",
    `A token cannot have the role "${wanted}": its maker has "${own}" here`,
    `Ask for "${own}" or less`,
    { path: "role" },
  );
}

/** null: never. */
function demandEnd(own: number | null, wanted: number | null): void {
  if (own === null || (wanted !== null && wanted <= own)) return;
  const end = new Date(own).toISOString();
  throw new ConsoleError(
    403,
    "token-outlives",
    `A token cannot be good for longer than the one that makes it, which ends ${end}`,
    `Ask for ${end} or earlier, or make it after a login with the password`,
    { path: "expires" },
  );
}

function earlier(time: number, end: number | null): number {
  return end === null ? time : Math.min(time, end);
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
