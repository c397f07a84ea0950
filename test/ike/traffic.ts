/**
 * ESP that flows both ways all the time: after everything that happens each side sends one packet on every child. Each packet
 * arrives after its own delay, and then the other side must be able to open it.
 */
import type { Host } from "./network.ts";
import type { Sites } from "./peers.ts";

interface Packet {
  readonly spi: number;
  readonly key: string;
}

export class Traffic {
  readonly #sites: Sites;
  readonly #names: readonly string[];
  readonly #latest: number;
  opened = 0;
  readonly lost: string[] = [];

  /** `latest`: the longest way of a packet, ms. */
  constructor(sites: Sites, latest: number, names: readonly string[] = ["net"]) {
    this.#sites = sites;
    this.#latest = latest;
    this.#names = names;
  }

  #arrive(packet: Packet, to: Host, sentAt: number): void {
    if (to.datapath.opens(packet)) this.opened += 1;
    else this.lost.push(`SPI ${packet.spi} sent at ${sentAt} reached ${to.name} at ${this.#sites.network.now}`);
  }

  /** To be called after everything that happens: one packet that is there at once, one that takes its time. */
  readonly flow = (): void => {
    const { a, b, network } = this.#sites;
    const { now } = network;
    for (const name of this.#names) {
      for (const [from, to, child] of [
        [a, b, `b/${name}`],
        [b, a, `a/${name}`],
      ] as const) {
        const packet = from.datapath.packet(child);
        if (packet === undefined) {
          this.lost.push(`${from.name} has nothing to send ${child} with at ${now}`);
          continue;
        }
        this.#arrive(packet, to, now);
        network.later(network.dice.fraction() * this.#latest, () => this.#arrive(packet, to, now));
      }
    }
  };
}
