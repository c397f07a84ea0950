/**
 * A router without a kernel: tables in a memory of its own, and the worker's loop in a few lines, which plays recvmmsg, sendmmsg,
 * read and write.
 */

import * as L from "../../../assembly/layout.ts";
import { COUNTERS } from "../../../src/datapath/counters.ts";
import { cmsg, type End, end, int, sockaddr } from "./kernel.ts";
import { address } from "./packets.ts";
import { HOST, Tables } from "./tables.ts";

/** A UDP message as the kernel would hand it over. */
export interface Received {
  readonly bytes: Uint8Array;
  readonly from?: End;
  readonly tos?: number;
  readonly local?: string;
  readonly truncated?: boolean;
  /** UDP GRO: bytes of each datagram. */
  readonly segment?: number;
}

/** A virtio header, as the kernel puts it in front of a packet out of a TUN. */
export interface Vnet {
  readonly flags?: number;
  readonly gso?: number;
  readonly headerLength?: number;
  readonly size?: number;
  readonly start?: number;
  readonly offset?: number;
}

/** A datagram that the loop would hand to sendmmsg; of a message that is a run, each of its own. */
export interface Sent {
  readonly socket: number;
  readonly bytes: Buffer;
  readonly to: End;
  readonly tos: number;
  readonly source: string | undefined;
  /** Number of its message in this flush, and of the datagrams in that. */
  readonly message: number;
  readonly run: number;
}

export interface Outcome {
  readonly sent: Sent[];
  readonly written: { readonly tun: number; readonly bytes: Buffer; readonly vnet?: Required<Vnet> }[];
  /** Times that the loop had to flush. */
  readonly flushes: number;
}

export interface RingRecord {
  readonly kind: number;
  readonly value: number;
  readonly socket: number;
  readonly from: End | undefined;
  readonly local: Buffer;
  readonly payload: Buffer;
}

export class Router extends Tables {
  /** Bytes of the send region that the roads may use between two flushes. */
  room = L.TX_SIZE;
  #ringTail = 0;
  #flushes = 0;

  /** Packets come out of a TUN. */
  fromTun(tun: number, ...packets: (Uint8Array | readonly [Vnet, Uint8Array])[]): Outcome {
    const outcome: Outcome = { sent: [], written: [], flushes: 0 };
    for (let base = 0; base < packets.length; base += L.BATCH) {
      const batch = packets.slice(base, base + L.BATCH);
      for (const [index, entry] of batch.entries()) {
        const [vnet, packet] = entry instanceof Uint8Array ? [{}, entry] : entry;
        const at = this.arena + L.TUNRX + index * L.SLOT_STRIDE + L.SLOT_HEADROOM;
        if (this.flagsOf(tun) & L.TUN_VNET) this.bytes.set(vnetHeader(vnet), at - 10);
        this.bytes.set(packet, at);
        this.set32(this.arena + L.TUNLEN + index * 4, packet.length);
      }
      for (let first = 0; first < batch.length; ) {
        this.#squeeze();
        const before = outcome.sent.length + outcome.written.length;
        const taken = this.exports.outbound(tun, first, batch.length);
        first += taken;
        this.#flush(outcome);
        // A superpacket may have been left in the middle.
        if (taken > 0 || outcome.sent.length + outcome.written.length > before) continue;
        if (this.room === L.TX_SIZE) throw new Error("the road out makes no progress");
        this.room = L.TX_SIZE;
      }
    }
    return outcome;
  }

  /** Messages arrive on a socket. */
  receive(socket: number, ...messages: Received[]): Outcome {
    const outcome: Outcome = { sent: [], written: [], flushes: 0 };
    for (let base = 0; base < messages.length; base += L.BATCH) {
      const batch = messages.slice(base, base + L.BATCH);
      this.exports.fill();
      for (const [index, message] of batch.entries()) this.#kernelReceives(socket, index, message);
      this.exports.open(this.exports.inbound(socket, batch.length));
      for (;;) {
        const before = this.exports.pending();
        this.#squeeze();
        this.exports.deliver();
        this.#flush(outcome);
        const left = this.exports.pending();
        if (left === 0) break;
        if (left === before && this.room === L.TX_SIZE) throw new Error("the road in makes no progress");
        if (left === before) this.room = L.TX_SIZE;
      }
    }
    return outcome;
  }

  /** One packet from a TUN through the instance of one worker; the datagrams that it queued, sealed. */
  fromTunOf(worker: number, instance: WebAssembly.Exports, tun: number, packet: Uint8Array): Buffer[] {
    const arena = this.arena + worker * L.ARENA_SIZE;
    this.bytes.set(packet, arena + L.TUNRX + L.SLOT_HEADROOM);
    this.set32(arena + L.TUNLEN, packet.length);
    instance.outbound(tun, 0, 1);
    instance.seal(this.get32(arena + L.W_OP_COUNT));
    const used = this.get32(arena + L.W_TX_USED);
    const sent = Buffer.from(this.bytes.subarray(arena + L.TX, arena + L.TX + used));
    instance.flushed();
    return used === 0 ? [] : [sent];
  }

  tooBig(socket: number, index: number): void {
    this.exports.tooBig(socket, index);
  }

  /** Counters that are not 0, by name. */
  counters(): Record<string, number> {
    const counters: Record<string, number> = {};
    for (const { index, name } of COUNTERS) {
      const value = Number(this.get64(this.arena + L.W_COUNTERS + index * 8));
      if (value > 0) counters[name] = value;
    }
    return counters;
  }

  /** Records that the control thread has not read yet. */
  ring(): RingRecord[] {
    const head = this.get32(this.arena + L.RING_HEAD);
    const records: RingRecord[] = [];
    while (this.#ringTail !== head) {
      const at = this.arena + L.RING_DATA + (this.#ringTail % L.RING_SIZE);
      const size = this.get32(at + L.RECORD_SIZE);
      const kind = this.get32(at + L.RECORD_KIND);
      if (size < 16 || size % 16 !== 0) throw new Error(`a record of ${size} bytes`);
      const value = this.get32(at + L.RECORD_VALUE);
      if (kind !== L.RECORD_SKIP) {
        records.push({
          kind,
          value,
          socket: this.get32(at + L.RECORD_SOCKET),
          from: end(Buffer.from(this.bytes.subarray(at + L.RECORD_NAME, at + L.RECORD_NAME + 28))),
          local: Buffer.from(this.bytes.subarray(at + L.RECORD_LOCAL, at + L.RECORD_LOCAL + 16)),
          payload: Buffer.from(
            this.bytes.subarray(at + L.RECORD_HEADER, at + L.RECORD_HEADER + (kind === L.RECORD_IKE ? value : 0)),
          ),
        });
      }
      this.#ringTail = (this.#ringTail + size) >>> 0;
    }
    this.set32(this.arena + L.RING_TAIL, this.#ringTail);
    return records;
  }

  #squeeze(): void {
    this.set32(this.arena + L.W_TX_USED, L.TX_SIZE - this.room);
  }

  /** What recvmmsg writes: the bytes, the lengths of name, control and message, the flags. */
  #kernelReceives(socket: number, index: number, message: Received): void {
    const six = socket >= L.SOCKET_IKE6;
    const at = this.arena + L.RXMSG + index * L.MSG_STRIDE;
    this.bytes.set(message.bytes, this.#target(at + 16));
    const name = sockaddr(message.from ?? { address: six ? "2001:db8::1" : "192.0.2.1", port: 4500 });
    this.bytes.set(name, this.#host(at));
    this.set32(at + 8, name.length);
    const local = message.local ?? (six ? "2001:db8::2" : "192.0.2.2");
    const info = Buffer.concat(six ? [address(local), int(7)] : [int(7), address(local), address(local)]);
    const tos = six ? int(message.tos ?? 0) : Buffer.from([message.tos ?? 0]);
    const control = [six ? cmsg(41, 67, tos) : cmsg(0, 1, tos), six ? cmsg(41, 50, info) : cmsg(0, 8, info)];
    if (message.segment) control.push(cmsg(17, 104, int(message.segment)));
    const all = Buffer.concat(control);
    this.bytes.set(all, this.#host(at + 32));
    this.view.setBigUint64(at + 40, BigInt(all.length), true);
    this.set32(at + 48, message.truncated ? 0x20 : 0);
    this.set32(at + 56, message.bytes.length);
  }

  /** WASM address that a host pointer at `at` means. */
  #host(at: number): number {
    return Number(this.get64(at) - HOST);
  }

  /** WASM address of the buffer of the iovec that a host pointer at `at` means. */
  #target(at: number): number {
    return this.#host(this.#host(at));
  }

  /** Seals, and plays sendmmsg and write. */
  #flush(outcome: Outcome): void {
    const arena = this.arena;
    this.exports.seal(this.get32(arena + L.W_OP_COUNT));
    for (let socket = 0; socket < L.SOCKETS; socket++) {
      const count = this.get32(arena + L.W_TX_COUNT + socket * 4);
      for (let index = 0; index < count; index++) outcome.sent.push(...this.#sent(socket, index));
    }
    const writes = this.get32(arena + L.W_TUN_COUNT);
    for (let index = 0; index < writes; index++) {
      const at = arena + L.TUNOUT + index * L.TUNOUT_STRIDE;
      const iov = arena + L.TUNIOV + this.get32(at + L.TUNOUT_IOV) * L.IOV_STRIDE;
      const tun = this.get32(at + L.TUNOUT_TUN);
      const pieces = this.get32(at + L.TUNOUT_IOVS);
      const headed = (this.flagsOf(tun) & L.TUN_VNET) !== 0;
      if (!headed && pieces !== 1) throw new Error("one iovec a packet");
      const plain = this.arena + L.W_VNET_PLAIN;
      const all = Buffer.concat(
        Array.from({ length: pieces }, (_, piece) => {
          const from = iov + piece * L.IOV_STRIDE;
          return this.#iov(from, this.#host(from) === plain ? plain : this.arena + L.RX);
        }),
      );
      if (this.get32(at + L.TUNOUT_BYTES) !== all.length) throw new Error("an entry of another length");
      outcome.written.push(headed ? { tun, bytes: all.subarray(10), vnet: readVnet(all) } : { tun, bytes: all });
    }
    this.exports.flushed();
    this.#flushes++;
    (outcome as { flushes: number }).flushes++;
  }

  /** The bytes that an iovec names; they must lie between `from` and the used end of the send region. */
  #iov(at: number, from: number): Buffer {
    const base = this.#host(at);
    const end = base + Number(this.get64(at + 8));
    if (base < from || end > this.arena + L.TX + this.get32(this.arena + L.W_TX_USED)) throw new Error("a stray iovec");
    return Buffer.from(this.bytes.subarray(base, end));
  }

  #sent(socket: number, index: number): Sent[] {
    const at = this.arena + L.TXMSG + (socket * L.TX_MAX + index) * L.MSG_STRIDE;
    const name = Buffer.from(this.bytes.subarray(this.#host(at), this.#host(at) + this.get32(at + 8)));
    if (this.get64(at + 24) !== 1n) throw new Error("one iovec a message");
    const control = this.bytes.subarray(this.#host(at + 32), this.#host(at + 32) + Number(this.get64(at + 40)));
    let tos = -1;
    let source: string | undefined;
    let size: number | undefined;
    for (let offset = 0; offset < control.length; ) {
      const length = Number(control.readBigUInt64LE(offset));
      const kind = `${control.readUInt32LE(offset + 8)}/${control.readUInt32LE(offset + 12)}`;
      const data = control.subarray(offset + 16, offset + length);
      if (kind === "0/1" || kind === "41/67") tos = data.readUInt32LE(0);
      else if (kind === "0/8") source = [...data.subarray(4, 8)].join(".");
      else if (kind === "17/103") size = data.readUInt16LE(0);
      else if (kind === "41/50") source = data.subarray(0, 16).toString("hex");
      else throw new Error(`control message ${kind}`);
      offset += (length + 7) & ~7;
    }
    const to = end(name);
    if (!to) throw new Error("a message without a peer");
    const all = this.#iov(this.#host(at + 16), this.arena + L.TX);
    const step = size ?? all.length;
    const run = Math.ceil(all.length / step);
    if (run > 64 || all.length > 65507 || (size !== undefined && run < 2)) throw new Error("no run that Linux takes");
    const message = this.#flushes * 10_000 + index;
    return Array.from({ length: run }, (_, datagram) => {
      const bytes = all.subarray(datagram * step, (datagram + 1) * step);
      return { socket, bytes, to, tos, source, message, run };
    });
  }
}

/** struct virtio_net_hdr. */
export function vnetHeader(fields: Vnet): Buffer {
  const header = Buffer.alloc(10);
  header[0] = fields.flags ?? 0;
  header[1] = fields.gso ?? 0;
  header.writeUInt16LE(fields.headerLength ?? 0, 2);
  header.writeUInt16LE(fields.size ?? 0, 4);
  header.writeUInt16LE(fields.start ?? 0, 6);
  header.writeUInt16LE(fields.offset ?? 0, 8);
  return header;
}

function readVnet(bytes: Buffer): Required<Vnet> {
  return {
    flags: bytes[0],
    gso: bytes[1],
    headerLength: bytes.readUInt16LE(2),
    size: bytes.readUInt16LE(4),
    start: bytes.readUInt16LE(6),
    offset: bytes.readUInt16LE(8),
  };
}
