/** Identifiers of new resources: ids, serial numbers and overlay addresses. */
import { randomInt } from "node:crypto";
import type { Intent } from "../model/intent.ts";
import { formatIpv4, lastOf } from "../model/prefix.ts";
import { ID_PREFIX, type Kind } from "../model/resources.ts";
import { OVERLAY } from "../model/rules/network.ts";

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

/** Overlay addresses of devices: the lowest of OVERLAY that is free, from its second one upward. */
export class AddressPool {
  readonly #taken: Set<string>;
  #next = 1;

  constructor(intent: Intent) {
    this.#taken = new Set([...intent.device.values()].map(({ address }) => address));
  }

  /** undefined: all are taken. First and last address stay free, as those of a network and its broadcast would. */
  take(): string | undefined {
    for (; OVERLAY.base + this.#next < lastOf(OVERLAY); this.#next++) {
      const address = formatIpv4(OVERLAY.base + this.#next);
      if (this.#taken.has(address)) continue;
      this.#next++;
      return address;
    }
    return undefined;
  }
}
