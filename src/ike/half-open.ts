/**
 * IKE SAs that a stranger began and nobody authenticated yet: found again when the first message comes twice, counted so
 * that they stay few (RFC 7296 §2.4, §2.6).
 */
import type { Endpoint } from "./effect.ts";
import { endpointText } from "./octets.ts";
import type { IkeSa } from "./sa.ts";

export interface HalfOpenLimits {
  readonly limit: number;
  readonly perAddress: number;
  readonly cookieFrom: number;
}

export class HalfOpen {
  readonly #limits: HalfOpenLimits;
  readonly #byStart = new Map<string, IkeSa>();
  readonly #byAddress = new Map<string, number>();

  constructor(limits: HalfOpenLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#byStart.size;
  }

  #start(spiI: bigint, remote: Endpoint): string {
    return `${spiI} ${endpointText(remote)}`;
  }

  #address(remote: Endpoint): string {
    return Buffer.from(remote.address).toString("hex");
  }

  #there(remote: Endpoint): number {
    return this.#byAddress.get(this.#address(remote)) ?? 0;
  }

  /** Is there room for one more from this address? */
  room(remote: Endpoint): boolean {
    return this.#byStart.size < this.#limits.limit && this.#there(remote) < this.#limits.perAddress;
  }

  /**
   * So many, at all or from there, that the next one must show a COOKIE. Of one address' room three quarters are left to those
   * who do: nobody can take it by writing a peer's address into his packets.
   */
  crowded(remote: Endpoint): boolean {
    return this.#byStart.size >= this.#limits.cookieFrom || this.#there(remote) >= this.#limits.perAddress / 4;
  }

  /** The IKE SA that this initiator began from there. */
  find(spiI: bigint, remote: Endpoint): IkeSa | undefined {
    return this.#byStart.get(this.#start(spiI, remote));
  }

  /** Returns what takes it out again, when its peer has authenticated or it is gone; calling that twice does no harm. */
  add(sa: IkeSa, spiI: bigint, remote: Endpoint): () => void {
    const start = this.#start(spiI, remote);
    const address = this.#address(remote);
    this.#byStart.set(start, sa);
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    return () => {
      if (this.#byStart.get(start) !== sa) return;
      this.#byStart.delete(start);
      const left = this.#byAddress.get(address)! - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
    };
  }
}
