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

/** A superpacket as a kernel hands it over, uncut: segments of so many bytes of payload. */
export interface Superpacket {
  readonly protocol: "tcp" | "udp";
  readonly segments: number;
  readonly payload: number;
}

/** As many as fit: TCP with an MSS for a tunnel's MTU, and datagrams of 1024 bytes. */
export const SUPERPACKETS: Readonly<Record<string, Superpacket>> = {
  "tso 47x1368": { protocol: "tcp", segments: 47, payload: 1368 },
  "uso 45x1024": { protocol: "udp", segments: 45, payload: 1024 },
};

/** Superpackets in a batch: the worker's loop ends one after 256 KB. */
const SUPERPACKET_BATCH = 4;

export class Roads {
  readonly #fast: FastPath;
  readonly #arena: number;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #host: bigint;
  /** What the last batch sent: where it lies in TX, and how long it is. */
  readonly #sent: { at: number; length: number; segment: number }[] = [];
  /** Slots that hold a packet, and what becomes of them: packets by themselves. */
  #slots = 0;
  #packets = 0;

  constructor(memory: PlaneMemory, fast: FastPath, worker = 0) {
    this.#fast = fast;
    this.#arena = arenaOf(memory.regions, worker);
    this.#view = memory.view;
    this.#bytes = memory.bytes;
    this.#host = BigInt(memory.host);
  }

  /** Packets in a batch; of a superpacket each segment is one. */
  get packets(): number {
    return this.#packets;
  }

  /** Lays a batch of UDP packets out as if the kernel had read them from a TUN. */
  lay(sizes: readonly number[]): void {
    this.#offload(false);
    this.#slots = L.BATCH;
    this.#packets = L.BATCH;
    for (let i = 0; i < L.BATCH; i++) this.#packet(i, sizes[i % sizes.length]!, "udp");
  }

  /**
   * Lays a batch of superpackets out, each a flow of its own. They leave as runs of datagrams (UDP GSO), arrive as such (UDP GRO),
   * and are put together again for the TUN.
   */
  laySuperpackets({ protocol, segments, payload }: Superpacket): void {
    this.#offload(true);
    this.#slots = SUPERPACKET_BATCH;
    this.#packets = SUPERPACKET_BATCH * segments;
    const headers = protocol === "tcp" ? 40 : 28;
    for (let i = 0; i < SUPERPACKET_BATCH; i++) {
      this.#packet(i, headers + segments * payload, protocol);
      // struct virtio_net_hdr: to be checksummed, and cut.
      const at = this.#slot(i) - 10;
      this.#bytes[at] = 1;
      this.#bytes[at + 1] = protocol === "tcp" ? 1 : 5;
      this.#view.setUint16(at + 2, headers, true);
      this.#view.setUint16(at + 4, payload, true);
      this.#view.setUint16(at + 6, 20, true);
      this.#view.setUint16(at + 8, protocol === "tcp" ? 16 : 6, true);
    }
  }

  /** What TUN 0, TUN 1 and the sockets can do. */
  #offload(on: boolean): void {
    this.#view.setUint32(L.G_TUN_FLAGS, on ? L.TUN_VNET : 0, true);
    this.#view.setUint32(L.G_TUN_FLAGS + 4, on ? L.TUN_VNET | L.TUN_COALESCE_TCP | L.TUN_COALESCE_UDP : 0, true);
    this.#view.setUint32(L.G_OFFLOAD, on ? L.OFFLOAD_GSO : 0, true);
  }

  /** An IPv4 packet of `size` bytes in slot `i`, its destination left open. */
  #packet(i: number, size: number, protocol: "tcp" | "udp"): void {
    const at = this.#slot(i);
    const view = this.#view;
    const headers = protocol === "tcp" ? 40 : 28;
    for (let j = headers; j < size; j++) this.#bytes[at + j] = (i * 31 + j) & 255;
    this.#bytes.fill(0, at, at + headers);
    view.setUint16(at, 0x4500);
    view.setUint16(at + 2, size);
    view.setUint16(at + 4, i);
    view.setUint16(at + 6, 0x4000);
    view.setUint16(at + 8, protocol === "tcp" ? 0x4006 : 0x4011);
    view.setUint32(at + 12, 0x0a010002);
    view.setUint16(at + 20, 40_000 + i);
    view.setUint16(at + 22, 443);
    if (protocol === "tcp") {
      view.setUint32(at + 28, 0x0a0b0c0d);
      // 20 bytes of header, ACK.
      view.setUint16(at + 32, 0x5010);
      view.setUint16(at + 34, 500);
    } else {
      view.setUint16(at + 24, size - 20);
      // In a superpacket: it has a checksum, whatever stands here. Of other packets nobody looks at it.
      view.setUint16(at + 26, this.#slots === L.BATCH ? 0 : 0xffff);
    }
    view.setUint32(this.#arena + L.TUNLEN + i * 4, size, true);
  }

  /** Sends packet i of the batch to `destinations(i)`, an IPv4 address. */
  aim(destination: (i: number) => number): void {
    for (let i = 0; i < this.#slots; i++) {
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
    const taken = fast.outbound(0, 0, this.#slots);
    fast.seal(this.#view.getUint32(this.#arena + L.W_OP_COUNT, true));
    const ms = performance.now() - begun;
    if (taken !== this.#slots) throw new Error(`the road out took ${taken} of ${this.#slots} packets`);
    if (keep) this.#keep();
    fast.flushed();
    return ms;
  }

  /** Notes where the messages lie that `out` queued. Theirs is memory that nobody writes until the next `out`. */
  #keep(): void {
    this.#sent.length = 0;
    const count = this.#view.getUint32(this.#arena + L.W_TX_COUNT + L.SOCKET_NAT4 * 4, true);
    let datagrams = 0;
    for (let i = 0; i < count; i++) {
      const place = L.SOCKET_NAT4 * L.TX_MAX + i;
      const message = this.#arena + L.TXMSG + place * L.MSG_STRIDE;
      const iovec = Number(this.#view.getBigUint64(message + 16, true) - this.#host);
      const at = Number(this.#view.getBigUint64(iovec, true) - this.#host);
      const length = Number(this.#view.getBigUint64(iovec + 8, true));
      const segment = this.#view.getUint32(this.#arena + L.TXRUN + place * 4, true);
      this.#sent.push({ at, length, segment });
      datagrams += Math.ceil(length / segment);
    }
    if (datagrams !== this.#packets) throw new Error(`${datagrams} datagrams for ${this.#packets} packets`);
  }

  /** The road in (with the bed's hub on: and out again) for what `out` sent; milliseconds. */
  arrive(): number {
    const fast = this.#fast;
    const view = this.#view;
    fast.fill();
    this.#sent.forEach(({ at, length, segment }, i) => {
      const message = this.#arena + L.RXMSG + i * L.MSG_STRIDE;
      const iovec = Number(view.getBigUint64(message + 16, true) - this.#host);
      const to = Number(view.getBigUint64(iovec, true) - this.#host);
      this.#bytes.copyWithin(to, at, at + length);
      const name = Number(view.getBigUint64(message, true) - this.#host);
      this.#bytes.set(NAME, name);
      view.setUint32(message + 8, 16, true);
      const control = Number(view.getBigUint64(message + 32, true) - this.#host);
      view.setBigUint64(message + 40, length > segment ? 24n : 0n, true);
      if (length > segment) {
        // UDP_GRO: how long each datagram of the run is.
        view.setBigUint64(control, 20n, true);
        view.setUint32(control + 8, SOL_UDP, true);
        view.setUint32(control + 12, UDP_GRO, true);
        view.setUint32(control + 16, segment, true);
      }
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

const SOL_UDP = 17;
const UDP_GRO = 104;
/** sockaddr_in 192.0.2.2 port 4500. */
const NAME = Uint8Array.of(2, 0, 4500 >> 8, 4500 & 255, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0);
