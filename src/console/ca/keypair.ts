/** Keys of the authority: made once, kept as PKCS #8 in PEM, and signed with through WebCrypto. */
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import type { Folder } from "./folder.ts";

export type KeyKind = "Ed25519" | "P-256";

/** Of a key that makes, and that signs. The hash matters to P-256 only. */
export const ALGORITHMS = {
  Ed25519: { name: "Ed25519" },
  "P-256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
} as const;

export interface KeyPair {
  readonly kind: KeyKind;
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
  /** PKCS #8, PEM. */
  readonly pem: string;
  /** The same for node:crypto. */
  readonly object: KeyObject;
}

export async function makeKey(kind: KeyKind): Promise<KeyPair> {
  const made = (await webcrypto.subtle.generateKey(ALGORITHMS[kind], true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", made.privateKey));
  const object = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  return { kind, ...made, pem: object.export({ format: "pem", type: "pkcs8" }) as string, object };
}

/** @throws Error: the text is no such key. */
async function readKey(kind: KeyKind, pem: string): Promise<KeyPair> {
  const object = createPrivateKey(pem);
  const der = object.export({ format: "der", type: "pkcs8" });
  const spki = createPublicKey(object).export({ format: "der", type: "spki" });
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey("pkcs8", der, ALGORITHMS[kind], false, ["sign"]),
    webcrypto.subtle.importKey("spki", spki, ALGORITHMS[kind], true, ["verify"]),
  ]);
  der.fill(0);
  return { kind, privateKey, publicKey, pem, object };
}

/** The key in this file, made at the first start. @throws AuthorityError; Error: the file holds no such key. */
export async function keptKey(folder: Folder, file: string, kind: KeyKind): Promise<KeyPair> {
  const text = folder.read(file);
  if (text !== undefined) return readKey(kind, text);
  const made = await makeKey(kind);
  folder.write(file, made.pem);
  return made;
}
