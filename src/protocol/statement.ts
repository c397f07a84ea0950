/**
 * What the console vouches for: which configuration of a router is the one of which version. The statements of a change that concerns many
 * routers are the leaves of one tree (tree.ts) with one signature: ten thousand signatures would take longer than all else.
 */
import Type, { type Static } from "typebox";
import { canonical } from "./parts.ts";
import { leafHash, rootFrom } from "./tree.ts";

export const Version = Type.Integer({
  minimum: 0,
  description: "Revision of the intent that last changed this router; 0: none.",
});

export const Statement = Type.Object({
  router: Type.String(),
  version: Version,
  root: Type.String({ pattern: "^[0-9a-f]{64}$", description: "rootHash of all parts after the change." }),
  at: Type.String({ format: "date-time" }),
});
export type Statement = Static<typeof Statement>;

/** Leaves of one tree at most. */
const MOST_LEAVES = 1024;

/** That a statement is a leaf of a tree whose root the console has signed. */
export const Proof = Type.Object({
  index: Type.Integer({ minimum: 0, maximum: MOST_LEAVES - 1, description: "Of the leaf, from 0." }),
  size: Type.Integer({ minimum: 1, maximum: MOST_LEAVES, description: "Leaves of the tree." }),
  path: Type.Array(Type.String({ maxLength: 44 }), {
    maxItems: 10,
    description: "Hashes beside the way from the leaf to the root, base64 (RFC 9162 §2.1.3).",
  }),
  signature: Type.String({ maxLength: 88, description: "Ed25519 (RFC 8032) over `signedText`, base64." }),
});
export type Proof = Static<typeof Proof>;

export function leafOf(statement: Statement): Buffer {
  return leafOfText(canonical(statement));
}

/** Each text begins with what it is, so that nothing else that the key may ever sign can be taken for it. @param text canonical, of a statement */
export function leafOfText(text: string): Buffer {
  return leafHash(`vcpe configuration 1\n${text}`);
}

/** What the signature is over. @param root of the tree, 32 bytes */
export function signedText(size: number, root: Buffer): string {
  return `vcpe configurations 1\n${size} ${root.toString("hex")}`;
}

/** What the console must have signed, if the proof is one of this statement; undefined: it is not. */
export function provenText(statement: Statement, { index, size, path }: Proof): string | undefined {
  const hashes = path.map((one) => Buffer.from(one, "base64"));
  const root = rootFrom(leafOf(statement), index, size, hashes);
  return root && signedText(size, root);
}
