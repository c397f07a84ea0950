/**
 * Signatures of AUTH method 14 (RFC 7427 §3, RFC 8420): Ed25519 by @noble/curves, as IKE's other arithmetic; ECDSA and RSA by the
 * OpenSSL in Node.js. Both are synchronous.
 */
import { constants, createPrivateKey, createPublicKey, type KeyObject, sign as opensslSign, verify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { SuiteError } from "./error.ts";
import { wipe } from "./octets.ts";
import type { KeyKind, SignatureScheme } from "./scheme.ts";

/** Shorter RSA keys are too weak; longer ones cost a verifier more than they are worth. Bits. */
const RSA_BITS = { least: 2_048, most: 8_192 };

/** A public key out of a certificate. */
export interface VerifyKey {
  readonly kind: KeyKind;
  readonly key: KeyObject;
}

/** What kind a key is; undefined: none that we can use. */
export function keyKind(key: KeyObject): KeyKind | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ed25519") return "ed25519";
  if (type === "ec" && details?.namedCurve === "prime256v1") return "ecdsa-p256";
  if (type === "ec" && details?.namedCurve === "secp384r1") return "ecdsa-p384";
  const bits = details?.modulusLength ?? 0;
  return type === "rsa" && bits >= RSA_BITS.least && bits <= RSA_BITS.most ? "rsa" : undefined;
}

function options(scheme: SignatureScheme) {
  return scheme.pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { dsaEncoding: "der" as const };
}

/** Was `message` signed with the private half of `key`? False for a scheme that does not go with the key. */
export function verifySignature(
  { kind, key }: VerifyKey,
  scheme: SignatureScheme,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!scheme.keys.includes(kind)) return false;
  try {
    if (scheme.digest !== undefined) return verify(scheme.digest, message, { key, ...options(scheme) }, signature);
    // RFC 8032 §5.1.7 to the letter, not the laxer ZIP 215.
    return ed25519.verify(signature, message, key.export({ format: "raw-public" }), { zip215: false });
  } catch {
    // Bytes that are no signature at all.
    return false;
  }
}

/** A private key of ours. It holds a copy of its own until `wipe`. */
export class SigningKey {
  readonly kind: KeyKind;
  readonly #public: KeyObject;
  /** Ed25519: the 32-byte seed. Else: PKCS #8. */
  readonly #secret: Uint8Array;

  /** `pkcs8`: DER, unencrypted. Throws SuiteError "invalid-private-key". */
  constructor(pkcs8: Uint8Array) {
    const key = privateKey(pkcs8);
    const kind = key && keyKind(key);
    if (key === undefined || kind === undefined) {
      const text =
        "The private key is none that can sign here. Use Ed25519, ECDSA P-256 or P-384, or RSA of 2048–8192 bits";
      throw new SuiteError("invalid-private-key", `${text}, as PKCS #8 without a passphrase`);
    }
    this.kind = kind;
    this.#public = createPublicKey(key);
    this.#secret = kind === "ed25519" ? key.export({ format: "raw-private" }) : new Uint8Array(pkcs8);
  }

  /** Is this the public half? */
  matches({ key }: VerifyKey): boolean {
    // Not KeyObject.equals: of two kinds it leaves an error behind in OpenSSL's queue, which the next call then fails with.
    return Buffer.compare(spkiOf(this.#public), spkiOf(key)) === 0;
  }

  /** The scheme must go with the key. */
  sign(scheme: SignatureScheme, message: Uint8Array): Uint8Array {
    if (scheme.digest === undefined) return ed25519.sign(message, this.#secret);
    const key = { key: viewed(this.#secret), format: "der", type: "pkcs8", ...options(scheme) } as const;
    return new Uint8Array(opensslSign(scheme.digest, message, key));
  }

  /** After this it must not be used any more. */
  wipe(): void {
    wipe(this.#secret);
  }
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" });
}

/** The same memory as a Buffer: no copy that nobody wipes. */
function viewed(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function privateKey(pkcs8: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey({ key: viewed(pkcs8), format: "der", type: "pkcs8" });
  } catch {
    return undefined;
  }
}
