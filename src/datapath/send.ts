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
  W_COUNTERS,
  W_TUN_COUNT,
  W_TX_COUNT,
} from "../../assembly/layout.ts";
import { errno, sendmmsg, writev } from "../linux/ffi.ts";
import { waitWritable } from "../linux/poll.ts";
import { sendInFragments } from "../linux/udp.ts";
import type { PlaneMemory } from "./memory.ts";
import type { FastPath } from "./module.ts";

const EINTR = 4;
const EAGAIN = 11;
const EMSGSIZE = 90;

/** A full send buffer is waited for this often, this many milliseconds each, before what is left of the batch is dropped. */
const WAITS = 4;
const WAIT = 1;

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
  readonly #counters: BigUint64Array;
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
    this.#counters = new BigUint64Array(memory.memory.buffer);
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
        this.#count(DROP_SEND, count - sent);
        return;
      }
      // Of one datagram only: no route to that peer, forbidden by a filter, too big …
      if (code === EMSGSIZE) this.#tooBig(socket, sent, fd, messages + sent * MSG_STRIDE);
      else this.#count(DROP_SEND, 1);
      sent++;
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
    Atomics.add(this.#counters, (this.#arena + W_COUNTERS) / 8 + counter, BigInt(packets));
  }
}
