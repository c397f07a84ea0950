/**
 * A fingerprint of a router's parts that follows changes at the price of what changed: the sum, modulo 2^48, of the beginnings of each
 * part's SHA-256. It tells whether a program that starts compiles the stored intent to what its forerunner compiled; it guards against
 * accidents, not against forgers. What agents trust is the signed root hash (protocol/parts.ts).
 *
 * Long lists (routes) are hashed by themselves, once as long as they are the same: both devices of an instance have one list of up to a
 * thousand routes, which stays as it is when something else of the tunnel changes.
 *
 * The order of keys counts here: a program that writes them in another order gives routers new versions, which costs one transfer and
 * does nothing on them; sorting the keys of 10,000 tunnels at each start would cost seconds.
 */
import { hash } from "node:crypto";
import { type Parts, type PartsDelta, shortened } from "../../protocol/parts.ts";
import { sharedListHash } from "../../protocol/shared.ts";

const MODULUS = 2 ** 48;

export class Fingerprint {
  readonly #digests = new Map<string, number>();
  #sum = 0;

  constructor(parts: Parts) {
    for (const [key, part] of parts) this.#add(key, part);
  }

  /** 0 … 2^48 - 1; 0 of no parts. */
  get value(): number {
    return this.#sum;
  }

  /** Has the router no parts any more? */
  get empty(): boolean {
    return this.#digests.size === 0;
  }

  change({ put, remove }: PartsDelta): void {
    for (const key of remove) this.#drop(key);
    for (const [key, part] of put) {
      this.#drop(key);
      this.#add(key, part);
    }
  }

  #add(key: string, part: unknown): void {
    const digest = hash("sha256", `${key}\0${textOf(part)}`, "buffer").readUIntBE(0, 6);
    this.#digests.set(key, digest);
    this.#sum = (this.#sum + digest) % MODULUS;
  }

  #drop(key: string): void {
    const digest = this.#digests.get(key);
    if (digest === undefined) return;
    this.#digests.delete(key);
    this.#sum = (this.#sum - digest + MODULUS) % MODULUS;
  }
}

/** JSON, with hashes in place of long lists. */
function textOf(part: unknown): string {
  return JSON.stringify(shortened(part, sharedListHash));
}
