/** Makes configuration frames, and signs for many at once. */
import type { Parts } from "../../protocol/parts.ts";
import { patchOf } from "../../protocol/patch.ts";
import { sharedRoot, sharedText } from "../../protocol/shared.ts";
import { leafOfText, type Proof, type Statement, signedText } from "../../protocol/statement.ts";
import { treeOf } from "../../protocol/tree.ts";
import type { Authority } from "../ca/ca.ts";
import type { Dispatch } from "./feed.ts";

/** A frame without its proof. */
export interface Draft {
  /** Of its statement. */
  readonly leaf: Buffer;
  /** Of the frame, up to where the proof begins. */
  readonly text: string;
}

export class Statements {
  readonly #authority: Pick<Authority, "signSoon">;
  readonly #now: () => number;

  constructor(authority: Pick<Authority, "signSoon">, now: () => number) {
    this.#authority = authority;
    this.#now = now;
  }

  /** A frame for these parts as they are now. */
  draft(router: string, version: number, parts: Parts, dispatch: Dispatch): Draft {
    const puts: string[] = [];
    const patches: string[] = [];
    for (const [key, part] of dispatch.kind === "full" ? parts : dispatch.delta.put) {
      const patch = dispatch.kind === "full" ? undefined : patchOf(dispatch.delta.before?.get(key), part);
      const name = JSON.stringify(key);
      if (patch) patches.push(`${name}:${JSON.stringify(patch)}`);
      else puts.push(`${name}:${sharedText(part)}`);
    }
    const statement: Statement = { at: new Date(this.#now()).toISOString(), root: sharedRoot(parts), router, version };
    const base = dispatch.kind === "full" ? 0 : dispatch.base;
    const remove = JSON.stringify(dispatch.kind === "full" ? [] : [...dispatch.delta.remove]);
    const words = sharedText(statement);
    const text = `{"type":"config","base":${base},"put":{${puts}},"patch":{${patches}},"remove":${remove},"statement":${words},`;
    return { leaf: leafOfText(words), text };
  }

  /** The texts of these frames (ConfigFrame), whenever the one signature for all is ready. @param drafts 1 to MOST_LEAVES */
  async signed(drafts: readonly Draft[]): Promise<string[]> {
    const tree = treeOf(drafts.map(({ leaf }) => leaf));
    const signature = (await this.#authority.signSoon(signedText(tree.size, tree.root))).toString("base64");
    return drafts.map(({ text }, index) => {
      const path = tree.path(index).map((hash) => hash.toString("base64"));
      const proof: Proof = { index, size: tree.size, path, signature };
      return `${text}"proof":${JSON.stringify(proof)}}`;
    });
  }
}
