/** Turns what workers put into their rings into IKE messages and events for the router, and holds back repetitions. */

import {
  RECORD_ACQUIRE,
  RECORD_IKE,
  RECORD_MOVED,
  RECORD_TOO_BIG,
  RECORD_UNKNOWN_SPI,
  SOCKET_IKE4,
  SOCKET_IKE6,
} from "../../assembly/layout.ts";
import { pathMtu } from "../linux/path.ts";
import type { ChildSas } from "./childsas.ts";
import type { IkeDatagram, PlaneEvent } from "./plane.ts";
import type { RingRecord } from "./ring.ts";
import type { SaSlots } from "./sa.ts";

/** Milliseconds in which the same event of the same thing is told once: workers repeat it with every batch. */
const QUIET = 100;
/** Milliseconds after which "moved" may be told again where nobody acted on it. */
const MOVED_QUIET = 1000;

export interface EventsParts {
  readonly children: ChildSas;
  readonly slots: SaSlots;
  readonly ikePort: number;
  readonly natPort: number;
  readonly onIke: (datagram: IkeDatagram) => void;
  readonly onEvent: (event: PlaneEvent) => void;
  /** Milliseconds, never back. */
  readonly clock: () => number;
}

export class Events {
  readonly #parts: EventsParts;
  /** When the next event of this kind and thing may be told. */
  readonly #quietUntil = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(parts: EventsParts) {
    this.#parts = parts;
  }

  /** Carries out one record. */
  handle(record: RingRecord): void {
    switch (record.kind) {
      case RECORD_IKE:
        this.#ike(record);
        break;
      case RECORD_MOVED:
        this.#moved(record);
        break;
      case RECORD_TOO_BIG:
        this.#tooBig(record.value);
        break;
      case RECORD_ACQUIRE:
        if (this.#first(`acquire ${record.value}`)) {
          this.#parts.onEvent({ kind: "acquire", adjacency: record.value });
        }
        break;
      case RECORD_UNKNOWN_SPI:
        this.#unknownSpi(record);
        break;
    }
  }

  /** Ends the timers. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #ike(record: RingRecord): void {
    if (record.remote === undefined) return;
    const onIkePort = record.socket === SOCKET_IKE4 || record.socket === SOCKET_IKE6;
    const port = onIkePort ? this.#parts.ikePort : this.#parts.natPort;
    this.#parts.onIke({
      local: { address: record.local, port },
      remote: record.remote,
      bytes: record.payload,
    });
  }

  #unknownSpi({ value: spi, local, remote }: RingRecord): void {
    // One for all SPIs: a stranger can name as many as he likes. The worker itself says few of them.
    if (remote === undefined || !this.#first(`unknown-spi ${Buffer.from(remote.address).toString("hex")}`)) return;
    const { natPort: port } = this.#parts;
    this.#parts.onEvent({ kind: "unknown-spi", spi, local: { address: local, port }, remote });
  }

  #moved(record: RingRecord): void {
    const slot = record.value;
    const child = this.#parts.children.bySlot(slot);
    if (child === undefined || record.remote === undefined) return;
    this.#parts.onEvent({ kind: "moved", child: child.id, remote: record.remote });
    // The worker keeps quiet until the flag is cleared. If the router followed, that has happened with the new path.
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#parts.children.bySlot(slot) !== undefined) this.#parts.slots.clearMoved(slot);
    }, MOVED_QUIET);
    timer.unref();
    this.#timers.add(timer);
  }

  #tooBig(slot: number): void {
    const child = this.#parts.children.bySlot(slot);
    if (child === undefined || !this.#first(`path-mtu ${child.id}`)) return;
    const { local, remote } = child.outer;
    const mtu = pathMtu(remote.address, local.address);
    if (mtu !== undefined) this.#parts.onEvent({ kind: "path-mtu", child: child.id, mtu });
  }

  #first(key: string): boolean {
    const now = this.#parts.clock();
    if (now < (this.#quietUntil.get(key) ?? 0)) return false;
    if (this.#quietUntil.size > 1000) {
      for (const [old, until] of this.#quietUntil) if (until <= now) this.#quietUntil.delete(old);
    }
    this.#quietUntil.set(key, now + QUIET);
    return true;
  }
}
