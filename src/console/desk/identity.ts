/** Identifiers of new resources: ids, serial numbers and overlay addresses. */
import { randomInt } from "node:crypto";
import type { Intent } from "../model/intent.ts";
import { formatIpv4 } from "../model/prefix.ts";
import { ID_PREFIX, type Kind } from "../model/resources.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

/** From the system's CSPRNG; 10 characters are 51 bits. */
export function newId(kind: Exclude<Kind, "device">): string {
  return `${ID_PREFIX[kind]}-${letters(10)}`;
}

export function newSerial(): string {
  return `vcpe${letters(12)}`;
}

function letters(count: number): string {
  return Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
}

/** 100.64.0.0/10 (RFC 6598): its first address is never given out. */
const BASE = 0x64400000;
const SIZE = 2 ** 22;

/** Overlay addresses of devices: the lowest that is free, from 100.64.0.1 upward. */
export class AddressPool {
  readonly #taken: Set<string>;
  #next = 1;

  constructor(intent: Intent) {
    this.#taken = new Set([...intent.device.values()].map(({ address }) => address));
  }

  /** undefined: all are taken. The last address stays free, as a broadcast address would. */
  take(): string | undefined {
    for (; this.#next < SIZE - 1; this.#next++) {
      const address = formatIpv4(BASE + this.#next);
      if (this.#taken.has(address)) continue;
      this.#next++;
      return address;
    }
    return undefined;
  }
}
