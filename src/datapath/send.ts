/**
 * The end of each batch: what the roads queued goes to the kernel, datagrams by sendmmsg and packets by writev, straight
 * from the arena. What the kernel refuses is counted and the rest still goes.
 */

import { DROP_SEND, DROP_TUN_WRITE } from "../../assembly/counters.ts";
import {
  IOV_STRIDE,
  MSG_STRIDE,
  SOCKET_IKE6,
  SOCKETS,
  TUNIOV,
  TUNOUT,
  TUNOUT_IOV,
  TUNOUT_IOVS,
  TUNOUT_STRIDE,
  TUNOUT_TUN,
  TX_MAX,
  TXIOV,
  TXMSG,
  TXRUN,
  W_COUNTERS,
  W_GSO_REFUSED,
  W_TUN_COUNT,
  W_TX_COUNT,
} from "../../assembly/layout.ts";
import { errno, sendmmsg, writev } from "../linux/ffi.ts";
import { waitWritable } from "../linux/poll.ts";
import { sendInFragments } from "../linux/udp.ts";
import type { PlaneMemory } from "./memory.ts";
import type { FastPath } from "./module.ts";

const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const EINVAL = 22;
const EMSGSIZE = 90;

/** A full send buffer is waited for this often, this many milliseconds each, before what is left of the batch is dropped. */
const WAITS = 4;
const WAIT = 1;

/** Of a struct mmsghdr: where the bytes of its control data stand. */
const MSG_CONTROL_LENGTH = 40;
/** Bytes of the control message UDP_SEGMENT, the last of a run's. */
const SEGMENT_CONTROL = 24;

/**
 * An inner packet of 1,280 bytes must pass however narrow the path (RFC 8200 §5), so a datagram up to this size that does not
 * fit leaves in fragments (RFC 2473 §7.1): 1,280 and what ESP adds at most, 8 + 8 + 3 + 2 + 16.
 */
const MUST_PASS = 1280 + 37;

export class Sender {
  readonly #fast: FastPath;
  readonly #sockets: readonly number[];
  readonly #tuns: Int32Array;
  readonly #words: Uint32Array;
  /** Index = address / 8: counters, and host addresses in iovecs. */
  readonly #longs: BigUint64Array;
  readonly #arena: number;
  readonly #host: number;

  /**
   * @param arena address of this worker's arena
   * @param sockets descriptors by SOCKET_*, −1: that one is off
   * @param tuns descriptors by TUN index, −1: none; kept up to date by the loop
   */
  constructor(memory: PlaneMemory, arena: number, fast: FastPath, sockets: readonly number[], tuns: Int32Array) {
    this.#fast = fast;
    this.#sockets = sockets;
    this.#tuns = tuns;
    this.#words = memory.words;
    this.#longs = new BigUint64Array(memory.memory.buffer);
    this.#arena = arena;
    this.#host = memory.host + arena;
  }

  /** Sends and writes all that is queued, then empties the send region. */
  flush(): void {
    const counts = (this.#arena + W_TX_COUNT) >>> 2;
    for (let socket = 0; socket < SOCKETS; socket++) {
      const count = this.#words[counts + socket];
      if (count !== 0) this.#send(socket, count);
    }
    const packets = this.#words[(this.#arena + W_TUN_COUNT) >>> 2];
    if (packets !== 0) this.#write(packets);
    this.#fast.flushed();
  }

  #send(socket: number, count: number): void {
    const fd = this.#sockets[socket];
    const messages = this.#host + TXMSG + socket * TX_MAX * MSG_STRIDE;
    let sent = 0;
    let waits = 0;
    while (sent < count) {
      const done = sendmmsg(fd, messages + sent * MSG_STRIDE, count - sent, 0);
      if (done > 0) {
        sent += done;
        continue;
      }
      const code = errno();
      if (code === EINTR) continue;
      if (code === EAGAIN) {
        if (waits < WAITS) {
          waits++;
          waitWritable(fd, WAIT);
          continue;
        }
        let left = 0;
        for (; sent < count; sent++) left += this.#datagrams(socket, sent);
        this.#count(DROP_SEND, left);
        return;
      }
      if (this.#datagrams(socket, sent) > 1) {
        this.#sendApart(socket, sent, code);
        sent++;
        continue;
      }
      // Of one datagram only: no route to that peer, forbidden by a filter, too big …
      if (code === EMSGSIZE) this.#tooBig(socket, sent, fd, messages + sent * MSG_STRIDE);
      else this.#count(DROP_SEND, 1);
      sent++;
    }
  }

  /** Datagrams of message `index`. */
  #datagrams(socket: number, index: number): number {
    const place = socket * TX_MAX + index;
    const bytes = this.#words[(this.#arena + TXIOV + place * IOV_STRIDE + 8) >>> 2];
    const size = this.#words[(this.#arena + TXRUN + place * 4) >>> 2];
    return bytes > size && size > 0 ? Math.ceil(bytes / size) : 1;
  }

  /**
   * The kernel refused a run: its datagrams go one by one. If any of them gets through, it is runs that this socket's way out
   * does not take (EIO: the interface can't do checksums; EINVAL: something on the way), and no more are made for it.
   */
  #sendApart(socket: number, index: number, code: number): void {
    const words = this.#words;
    const place = socket * TX_MAX + index;
    const message = (this.#arena + TXMSG + place * MSG_STRIDE) >>> 2;
    const iov = (this.#arena + TXIOV + place * IOV_STRIDE) >>> 2;
    const size = words[(this.#arena + TXRUN + place * 4) >>> 2];
    const at = this.#arena + TXIOV + place * IOV_STRIDE;
    let base = this.#longs[at >>> 3];
    let left = words[iov + 2];
    words[message + (MSG_CONTROL_LENGTH >>> 2)] -= SEGMENT_CONTROL;
    let through = false;
    for (; left > 0; left -= size, base += BigInt(size)) {
      this.#longs[at >>> 3] = base;
      words[iov + 2] = Math.min(size, left);
      if (sendmmsg(this.#sockets[socket], this.#host + TXMSG + place * MSG_STRIDE, 1, 0) > 0) through = true;
      else if (errno() === EMSGSIZE)
        this.#tooBig(socket, index, this.#sockets[socket], this.#host + TXMSG + place * MSG_STRIDE);
      else this.#count(DROP_SEND, 1);
    }
    if (through && (code === EIO || code === EINVAL || code === EMSGSIZE)) {
      words[(this.#arena + W_GSO_REFUSED) >>> 2] |= 1 << socket;
    }
  }

  #tooBig(socket: number, index: number, fd: number, message: number): void {
    const iov = this.#arena + TXIOV + (socket * TX_MAX + index) * IOV_STRIDE;
    const bytes = this.#words[(iov + 8) >>> 2];
    if (bytes <= MUST_PASS && sendInFragments(fd, socket >= SOCKET_IKE6 ? 6 : 4, message) === 0) return;
    this.#fast.tooBig(socket, index);
  }

  #write(packets: number): void {
    const words = this.#words;
    const iovs = this.#host + TUNIOV;
    let entry = (this.#arena + TUNOUT) >>> 2;
    for (let i = 0; i < packets; i++, entry += TUNOUT_STRIDE >>> 2) {
      const fd = this.#tuns[words[entry + (TUNOUT_TUN >>> 2)]];
      const iov = iovs + words[entry + (TUNOUT_IOV >>> 2)] * IOV_STRIDE;
      if (fd < 0 || writev(fd, iov, words[entry + (TUNOUT_IOVS >>> 2)]) < 0) this.#count(DROP_TUN_WRITE, 1);
    }
  }

  /** The worker is the only writer of its counters; atomic so that control never reads half a number. */
  #count(counter: number, packets: number): void {
    Atomics.add(this.#longs, (this.#arena + W_COUNTERS) / 8 + counter, BigInt(packets));
  }
}
