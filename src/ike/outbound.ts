/** Child SAs by the SPI that we send with, which the peers choose: several peers may have chosen the same. */
import type { Child } from "./child.ts";
import { equal } from "./suite/index.ts";

export class OutboundSpis {
  readonly #bySpi = new Map<number, Set<Child>>();

  add(child: Child): void {
    const { spiOut } = child.terms;
    const children = this.#bySpi.get(spiOut) ?? new Set();
    this.#bySpi.set(spiOut, children.add(child));
  }

  remove(child: Child): void {
    const { spiOut } = child.terms;
    const children = this.#bySpi.get(spiOut);
    children?.delete(child);
    if (children?.size === 0) this.#bySpi.delete(spiOut);
  }

  /** Those with this SPI whose peer is at this address. */
  find(spi: number, address: Uint8Array): Child[] {
    return [...(this.#bySpi.get(spi) ?? [])].filter(({ sa }) => equal(sa.path.remote.address, address));
  }
}
