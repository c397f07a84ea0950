/** AEAD of the Encrypted payload, RFC 5282 and RFC 7634 §2: nonce = salt (4) | IV (8). */
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import type { Opener, Sealer } from "../wire/encrypted.ts";
import { join, spi64, wipe } from "./octets.ts";
import { type Encryption, IV_LENGTH, TAG_LENGTH } from "./transform.ts";

/** Key of one direction. */
export interface CipherKey {
  /** `keyLength` bytes of the cipher. */
  readonly key: Uint8Array;
  /** SALT_LENGTH bytes. */
  readonly salt: Uint8Array;
}

function aead(cipher: Encryption, key: Uint8Array, nonce: Uint8Array, associated: Uint8Array) {
  return cipher.name === "chacha20poly1305" ? chacha20poly1305(key, nonce, associated) : gcm(key, nonce, associated);
}

/** Seals what we send. The IV counts from 0, so none comes twice under one key. Keeps its own copy of the key. */
export class SkSealer implements Sealer {
  readonly overhead = IV_LENGTH + TAG_LENGTH;
  readonly #cipher: Encryption;
  readonly #key: Uint8Array;
  readonly #salt: Uint8Array;
  #sent = 0n;

  constructor(cipher: Encryption, key: CipherKey) {
    this.#cipher = cipher;
    this.#key = new Uint8Array(key.key);
    this.#salt = new Uint8Array(key.salt);
  }

  seal(associated: Uint8Array, plain: Uint8Array): Uint8Array {
    const iv = spi64(this.#sent);
    this.#sent += 1n;
    return join(iv, aead(this.#cipher, this.#key, join(this.#salt, iv), associated).encrypt(plain));
  }

  /** After this it must not be used any more. */
  wipe(): void {
    wipe(this.#key, this.#salt);
  }
}

/** Opens what the peer sends. Keeps its own copy of the key. */
export class SkOpener implements Opener {
  readonly #cipher: Encryption;
  readonly #key: Uint8Array;
  readonly #salt: Uint8Array;

  constructor(cipher: Encryption, key: CipherKey) {
    this.#cipher = cipher;
    this.#key = new Uint8Array(key.key);
    this.#salt = new Uint8Array(key.salt);
  }

  open(associated: Uint8Array, body: Uint8Array): Uint8Array | undefined {
    if (body.length < IV_LENGTH + TAG_LENGTH) return undefined;
    const nonce = join(this.#salt, body.subarray(0, IV_LENGTH));
    try {
      return aead(this.#cipher, this.#key, nonce, associated).decrypt(body.subarray(IV_LENGTH));
    } catch {
      return undefined;
    }
  }

  /** After this it must not be used any more. */
  wipe(): void {
    wipe(this.#key, this.#salt);
  }
}
