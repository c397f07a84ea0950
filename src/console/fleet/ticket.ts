/**
 * What ties `finish` to `begin` without memory at the console: the console's nonce and an end, under a MAC with a key that lives as long
 * as the process, bound to serial number and nonce of the device. Good once.
 *
 *   end (8 bytes, milliseconds since the Unix epoch) ‖ console's nonce (32) ‖ HMAC-SHA-256 (32), base64url
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const LIFE = 30_000;
const LENGTH = 8 + 32 + 32;

/** Tickets that are remembered as used; they come one for each failure or success, which are bounded by the lock-outs. */
const MOST_USED = 10_000;

export interface Ticket {
  readonly text: string;
  /** base64url. */
  readonly nonce: string;
}

export class Tickets {
  readonly #key = randomBytes(32);
  /** Nonce → end. In the order of use. */
  readonly #used = new Map<string, number>();

  issue(serial: string, deviceNonce: string, now: number): Ticket {
    const head = Buffer.alloc(40);
    head.writeBigUInt64BE(BigInt(now + LIFE));
    const nonce = randomBytes(32);
    nonce.copy(head, 8);
    const text = Buffer.concat([head, this.#mac(head, serial, deviceNonce)]).toString("base64url");
    return { text, nonce: nonce.toString("base64url") };
  }

  /** The console's nonce, and the ticket is used. Undefined: not ours, not of this device, too old, or used. */
  use(text: string, serial: string, deviceNonce: string, now: number): string | undefined {
    const bytes = Buffer.from(text, "base64url");
    if (bytes.length !== LENGTH) return undefined;
    const head = bytes.subarray(0, 40);
    if (!timingSafeEqual(this.#mac(head, serial, deviceNonce), bytes.subarray(40))) return undefined;
    const end = Number(head.readBigUInt64BE());
    const nonce = head.subarray(8).toString("base64url");
    if (end < now || this.#used.has(nonce)) return undefined;
    for (const [old, until] of this.#used) {
      if (until >= now && this.#used.size < MOST_USED) break;
      this.#used.delete(old);
    }
    this.#used.set(nonce, end);
    return nonce;
  }

  #mac(head: Uint8Array, serial: string, deviceNonce: string): Buffer {
    return createHmac("sha256", this.#key).update(head).update(`${serial}\0${deviceNonce}`).digest();
  }
}
