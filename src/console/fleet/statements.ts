/** Makes configuration frames and signs for them. Hashes of parts are kept as long as the parts, so that one change among 10,000 costs one hash. */
import { type Parts, partHash, rootHash } from "../../protocol/parts.ts";
import { type ConfigFrame, type Statement, signedText } from "../../protocol/stream.ts";
import type { Authority } from "../ca/ca.ts";
import type { Dispatch } from "./feed.ts";

export class Statements {
  readonly #authority: Pick<Authority, "signSoon">;
  readonly #now: () => number;
  /** By the part itself: parts are frozen, and what did not change is the same object in the next version. */
  readonly #hashes = new WeakMap<object, string>();

  constructor(authority: Pick<Authority, "signSoon">, now: () => number) {
    this.#authority = authority;
    this.#now = now;
  }

  root(parts: Parts): string {
    const hashes = new Map<string, string>();
    for (const [key, part] of parts) hashes.set(key, this.#hash(part as object));
    return rootHash(hashes);
  }

  /** Of these parts as they are now, whenever the signature is ready. */
  async frame(router: string, version: number, parts: Parts, dispatch: Dispatch): Promise<ConfigFrame> {
    const statement: Statement = { router, version, root: this.root(parts), at: new Date(this.#now()).toISOString() };
    const put = dispatch.kind === "full" ? parts : dispatch.delta.put;
    const unsigned = {
      type: "config",
      base: dispatch.kind === "full" ? 0 : dispatch.base,
      put: Object.fromEntries(put),
      remove: dispatch.kind === "full" ? [] : [...dispatch.delta.remove],
      statement,
    } as const;
    const signature = await this.#authority.signSoon(signedText(statement));
    return { ...unsigned, signature: signature.toString("base64") };
  }

  #hash(part: object): string {
    const known = this.#hashes.get(part);
    if (known !== undefined) return known;
    const hash = partHash(part);
    this.#hashes.set(part, hash);
    return hash;
  }
}
