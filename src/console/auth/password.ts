/**
 * Passwords as scrypt (RFC 7914) hashes: `$scrypt$ln=17,r=8,p=1$salt$hash`, base64url. N=2^17, r=8, p=1 is what OWASP's Password Storage
 * Cheat Sheet asks for: 128 MiB and some 0.4 s a hash. It runs on a thread of libuv, and only a few at a time.
 */
import { randomBytes, randomInt, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { ConsoleError } from "../error.ts";
import { TryLater } from "./later.ts";

export interface Cost {
  /** log2 of N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

export const COST: Cost = { ln: 17, r: 8, p: 1 };

const SHORTEST = 12;
const LONGEST = 256;

/**
 * Hashes at once, and those that may wait: a flood of logins must take neither all memory nor all threads. Those of strangers wait by
 * themselves, behind the others.
 */
const AT_ONCE = 2;
const WAITING = 32;

const HASH = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w-]+)\$([\w-]+)$/;

/** Hashes and compares passwords; `cost` is that of new hashes, old ones keep theirs. */
export class Passwords {
  readonly #cost: Cost;
  readonly #waiting: (() => void)[] = [];
  readonly #strangers: (() => void)[] = [];
  /** What a password is held against when there is no such user, so that the answer takes as long. */
  readonly #decoy: string;
  #running = 0;

  constructor(cost: Cost = COST) {
    this.#cost = cost;
    this.#decoy = format(cost, randomBytes(16), randomBytes(32));
  }

  /** @throws ConsoleError busy */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    return format(this.#cost, salt, await this.#derive(password, salt, this.#cost, 32, true));
  }

  /**
   * Is it the password of this hash? Takes as long for no hash (no such user); the answer is then false. @param known not a stranger asks
   * @throws ConsoleError busy
   */
  async verify(password: string, stored: string | undefined, known: boolean): Promise<boolean> {
    const { cost, salt, hash } = parse(stored ?? this.#decoy);
    const same = timingSafeEqual(await this.#derive(password, salt, cost, hash.length, known), hash);
    return same && stored !== undefined;
  }

  /** Was it made at another cost than new ones are? */
  outdated(stored: string): boolean {
    const { cost } = parse(stored);
    return cost.ln !== this.#cost.ln || cost.r !== this.#cost.r || cost.p !== this.#cost.p;
  }

  async #derive(password: string, salt: Buffer, { ln, r, p }: Cost, length: number, known: boolean): Promise<Buffer> {
    await this.#turn(known ? this.#waiting : this.#strangers);
    try {
      const options: ScryptOptions = { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r };
      return await new Promise((resolve, reject) =>
        // One and the same character can be typed as several code points; NFC as RFC 8265 has it.
        scrypt(password.normalize("NFC"), salt, length, options, (error, key) =>
          error ? reject(error) : resolve(key),
        ),
      );
    } finally {
      const next = this.#waiting.shift() ?? this.#strangers.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #turn(waiting: (() => void)[]): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running++;
      return;
    }
    if (waiting.length >= WAITING)
      throw new TryLater(503, "busy", "Too many passwords are being checked at once", 2000);
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

/** @throws ConsoleError password-weak */
export function checkNew(password: string, user: string): void {
  const weak = (message: string) =>
    new ConsoleError(422, "password-weak", message, `Choose ${SHORTEST}–${LONGEST} characters; a few words are good`);
  const length = [...password].length;
  if (length < SHORTEST) throw weak(`The new password has ${length} characters, fewer than ${SHORTEST}`);
  if (length > LONGEST) throw weak(`The new password has more than ${LONGEST} characters`);
  if (new Set(password).size < 4) throw weak("The new password repeats a few characters only");
  if (password.toLowerCase().includes(user.toLowerCase())) throw weak("The new password contains the user's name");
}

/** No 0, 1, i, l, o: nobody shall take one for the other. 31 letters and digits, 99 bits in 20 of them. */
const ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz";

/** A password for one login: four groups of five. */
export function oneTimePassword(): string {
  const group = () => Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
  return [group(), group(), group(), group()].join("-");
}

function format({ ln, r, p }: Cost, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString("base64url")}$${hash.toString("base64url")}`;
}

function parse(stored: string): { cost: Cost; salt: Buffer; hash: Buffer } {
  const match = HASH.exec(stored);
  if (!match) throw new Error("a stored password is no scrypt hash");
  const [, ln, r, p, salt, hash] = match;
  return {
    cost: { ln: Number(ln), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, "base64url"),
    hash: Buffer.from(hash, "base64url"),
  };
}
