/** The three roads over a bed, batch by batch, each timed by itself. What the kernel would do between them is not timed. */
import * as L from "../../assembly/layout.ts";
import { arenaOf, type PlaneMemory } from "../../src/datapath/memory.ts";
import type { FastPath } from "../../src/datapath/module.ts";

/** Bytes of IPv4 packet in turn: 1024-byte packets, or the simple IMIX 7 : 4 : 1. */
export const SIZES: Readonly<Record<string, readonly number[]>> = {
  "64": [64],
  "512": [512],
  "1024": [1024],
  "1400": [1400],
  imix: [40, 576, 40, 40, 576, 40, 1400, 40, 576, 40, 576, 40],
};

export class Roads {
  readonly #fast: FastPath;
  readonly #arena: number;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #host: bigint;
  /** What the last batch sent: where it lies in TX, and how long it is. */
  readonly #sent: { at: number; length: number }[] = [];

  constructor(memory: PlaneMemory, fast: FastPath, worker = 0) {
    this.#fast = fast;
    this.#arena = arenaOf(memory.regions, worker);
    this.#view = memory.view;
    this.#bytes = memory.bytes;
    this.#host = BigInt(memory.host);
  }

  /** Lays a batch of UDP packets out as if the kernel had read them from a TUN. */
  lay(sizes: readonly number[], source = 0x0a010002): void {
    for (let i = 0; i < L.BATCH; i++) {
      const at = this.#slot(i);
      const size = sizes[i % sizes.length]!;
      for (let j = 28; j < size; j++) this.#bytes[at + j] = (i * 31 + j) & 255;
      this.#bytes.fill(0, at, at + 28);
      this.#view.setUint16(at, 0x4500);
      this.#view.setUint16(at + 2, size);
      this.#view.setUint16(at + 4, i);
      this.#view.setUint16(at + 6, 0x4000);
      this.#view.setUint16(at + 8, 0x4011);
      this.#view.setUint32(at + 12, source);
      this.#view.setUint16(at + 20, 40_000);
      this.#view.setUint16(at + 22, 443);
      this.#view.setUint16(at + 24, size - 20);
      this.#view.setUint32(this.#arena + L.TUNLEN + i * 4, size, true);
    }
  }

  /** Sends packet i of the batch to `destinations(i)`, an IPv4 address. */
  aim(destination: (i: number) => number): void {
    for (let i = 0; i < L.BATCH; i++) {
      const at = this.#slot(i);
      this.#view.setUint32(at + 16, destination(i));
      this.#view.setUint16(at + 10, 0);
      let sum = 0;
      for (let j = 0; j < 20; j += 2) sum += this.#view.getUint16(at + j);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      this.#view.setUint16(at + 10, ~sum & 0xffff);
    }
  }

  /** The road out for the batch that was laid; milliseconds. `keep`: what it sent stays for `arrive`. */
  out(keep = true): number {
    const fast = this.#fast;
    const begun = performance.now();
    const taken = fast.outbound(0, 0, L.BATCH);
    fast.seal(this.#view.getUint32(this.#arena + L.W_OP_COUNT, true));
    const ms = performance.now() - begun;
    if (taken !== L.BATCH) throw new Error(`the road out took ${taken} of ${L.BATCH} packets`);
    if (keep) this.#keep();
    fast.flushed();
    return ms;
  }

  /** Notes where the messages lie that `out` queued. Theirs is memory that nobody writes until the next `out`. */
  #keep(): void {
    this.#sent.length = 0;
    const count = this.#view.getUint32(this.#arena + L.W_TX_COUNT + L.SOCKET_NAT4 * 4, true);
    for (let i = 0; i < count; i++) {
      const message = this.#arena + L.TXMSG + (L.SOCKET_NAT4 * L.TX_MAX + i) * L.MSG_STRIDE;
      const iovec = Number(this.#view.getBigUint64(message + 16, true) - this.#host);
      const at = Number(this.#view.getBigUint64(iovec, true) - this.#host);
      this.#sent.push({ at, length: Number(this.#view.getBigUint64(iovec + 8, true)) });
    }
    if (count !== L.BATCH) throw new Error(`${count} datagrams for ${L.BATCH} packets`);
  }

  /** The road in (with the bed's hub on: and out again) for what `out` sent; milliseconds. */
  arrive(): number {
    const fast = this.#fast;
    const view = this.#view;
    fast.fill();
    this.#sent.forEach(({ at, length }, i) => {
      const message = this.#arena + L.RXMSG + i * L.MSG_STRIDE;
      const iovec = Number(view.getBigUint64(message + 16, true) - this.#host);
      const to = Number(view.getBigUint64(iovec, true) - this.#host);
      this.#bytes.copyWithin(to, at, at + length);
      const name = Number(view.getBigUint64(message, true) - this.#host);
      this.#bytes.set(NAME, name);
      view.setUint32(message + 8, 16, true);
      view.setBigUint64(message + 40, 0n, true);
      view.setUint32(message + 48, 0, true);
      view.setUint32(message + 56, length, true);
    });
    const begun = performance.now();
    fast.open(fast.inbound(L.SOCKET_NAT4, this.#sent.length));
    do {
      fast.deliver();
      fast.seal(view.getUint32(this.#arena + L.W_OP_COUNT, true));
      fast.flushed();
    } while (fast.pending() !== 0);
    return performance.now() - begun;
  }

  #slot(i: number): number {
    return this.#arena + L.TUNRX + i * L.SLOT_STRIDE + L.SLOT_HEADROOM;
  }
}

/** sockaddr_in 192.0.2.2 port 4500. */
const NAME = Uint8Array.of(2, 0, 4500 >> 8, 4500 & 255, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0);
