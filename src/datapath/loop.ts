/**
 * A worker's loop. It makes system calls and nothing else per packet; all that concerns a packet's bytes is one call into
 * WASM for each pass over a batch.
 *
 *   wait       epoch idle → a pause, when packets come fast but one by one (moderation) → epoll_wait → epoch, time
 *   receive    a UDP socket: recvmmsg → inbound → open → { deliver → seal → flush } while pending
 *   read       a TUN device: read … → { outbound → seal → flush } until all were taken
 *   depart     packets of shaped tunnels whose time has come (departures); the wait ends in time for them
 *   answer     the bell: TUN devices that came or went, a new rate, stop
 *   tell       the ring moved: wake the control thread
 */

import {
  BATCH,
  EPOCH_IDLE,
  G_EPOCH,
  G_TUN_FLAGS,
  MAX_TUNS,
  RING_HEAD,
  RXMSG,
  SLOT_HEADROOM,
  SLOT_SIZE,
  SLOT_STRIDE,
  SOCKETS,
  TUN_VNET,
  TUNLEN,
  TUNRX,
  W_EPOCH,
  W_OP_COUNT,
} from "../../assembly/layout.ts";
import { EPOLLIN, Epoll } from "../linux/epoll.ts";
import { failed } from "../linux/error.ts";
import { errno, read, recvmmsg } from "../linux/ffi.ts";
import { Pause, setTimerSlack } from "../linux/pause.ts";
import { VNET_HEADER } from "../linux/tun.ts";
import { type CommandsPart, CommandsTaker } from "./commands.ts";
import { Departures } from "./departures.ts";
import { arenaOf, type PlaneMemory } from "./memory.ts";
import { Moderation } from "./moderation.ts";
import type { FastPath } from "./module.ts";
import { Sender } from "./send.ts";

const EINTR = 4;
const EAGAIN = 11;
const EINVAL = 22;
const EBADFD = 77;

/**
 * A batch ends after so many bytes, though more packets wait: superpackets of 64 KB would otherwise fill the caches several
 * times over before the first of them is sealed.
 */
const BATCH_BYTES = 256 << 10;
/** Messages received at once, while runs of datagrams arrive: as many bytes or so. */
const BATCH_RUNS = 8;

/** Tags of what epoll waits for: the bell, sockets from 1, TUN devices from 16. */
const BELL = 0;
const SOCKET = 1;
const TUN = 16;

/**
 * Milliseconds of one wait. The bell ends a wait at once; this bound only matters when the process ends without ringing it,
 * since a thread inside a system call cannot be stopped.
 */
const WAIT = 1000;

export interface LoopParts {
  readonly memory: PlaneMemory;
  /** An instance of this thread's own, attached. */
  readonly fast: FastPath;
  /** Called at the top of each batch, and at least once in each WAIT. */
  readonly sweep: () => void;
  readonly worker: number;
  /** Descriptors by SOCKET_*, −1: that one is off. */
  readonly sockets: readonly number[];
  readonly commands: CommandsPart;
  /** Somebody deleted TUN device `tun`. Called once for each of its descriptors. */
  readonly tunGone: (tun: number) => void;
  /** Microseconds that packets may gather under load (moderation); 0: never. */
  readonly pause: number;
}

export class Loop {
  readonly #fast: FastPath;
  readonly #sweep: () => void;
  readonly #tunGone: (tun: number) => void;
  readonly #sockets: readonly number[];
  readonly #tuns = new Int32Array(MAX_TUNS).fill(-1);
  readonly #commands: CommandsTaker;
  readonly #epoll = new Epoll(SOCKETS + MAX_TUNS + 1);
  readonly #sender: Sender;
  readonly #words: Uint32Array;
  readonly #signed: Int32Array;
  readonly #arena: number;
  readonly #host: number;
  readonly #moderation = new Moderation();
  readonly #departures: Departures;
  /** undefined: moderation is off. */
  readonly #pause: Pause | undefined;
  #headSeen = 0;
  /** Messages to be received at once, by socket. */
  readonly #batches = new Array<number>(SOCKETS).fill(BATCH);

  constructor(parts: LoopParts) {
    const { memory, worker } = parts;
    this.#fast = parts.fast;
    this.#sweep = parts.sweep;
    this.#tunGone = parts.tunGone;
    this.#sockets = parts.sockets;
    this.#commands = new CommandsTaker(parts.commands);
    this.#arena = arenaOf(memory.regions, worker);
    this.#host = memory.host + this.#arena;
    this.#words = memory.words;
    this.#signed = new Int32Array(memory.memory.buffer);
    if (parts.pause > 0) {
      this.#pause = new Pause(parts.pause);
      setTimerSlack(1);
    }
    this.#sender = new Sender(memory, this.#arena, parts.fast, parts.sockets, this.#tuns);
    this.#departures = new Departures(memory, worker, parts.fast, () => this.#sender.flush());
    this.#epoll.add(parts.commands.bell, EPOLLIN, BELL);
    parts.sockets.forEach((fd, socket) => {
      if (fd >= 0) this.#epoll.add(fd, EPOLLIN, SOCKET + socket);
    });
  }

  /** Runs until told to stop. @throws LinuxError when the kernel takes a descriptor away */
  run(): void {
    const epoch = (this.#arena + W_EPOCH) >>> 2;
    let gather = false;
    while (!this.#commands.stopped) {
      // Idle: this worker holds no address out of the tables, so the writer need not wait for it.
      Atomics.store(this.#words, epoch, EPOCH_IDLE);
      if (gather) this.#pause?.sleep();
      const events = this.#epoll.wait(this.#departures.wait(WAIT));
      Atomics.store(this.#words, epoch, Atomics.load(this.#words, G_EPOCH >>> 2));
      this.#sweep();
      gather = false;
      if (events === 0 && !this.#departures.waiting) continue;
      const time = this.#departures.tell();
      let packets = 0;
      for (let i = 0; i < events; i++) {
        const tag = this.#epoll.tag(i);
        if (tag >= TUN) packets += this.#read(tag - TUN);
        else if (tag >= SOCKET) packets += this.#receive(tag - SOCKET);
        else this.#answer();
      }
      if (this.#departures.waiting) this.#departures.run();
      this.#tell();
      if (events !== 0) gather = this.#moderation.round(time, packets);
    }
    Atomics.store(this.#words, epoch, EPOCH_IDLE);
    this.#epoll.close();
  }

  /** The road in, for one batch of socket `socket`; how many packets that was. */
  #receive(socket: number): number {
    const fast = this.#fast;
    fast.fill();
    const count = recvmmsg(this.#sockets[socket], this.#host + RXMSG, this.#batches[socket], 0, 0);
    // Nothing there after all, or an ICMP error about some datagram of ours: neither is a packet.
    if (count <= 0) return 0;
    const opens = fast.inbound(socket, count);
    this.#batches[socket] = opens > 4 * count ? BATCH_RUNS : BATCH;
    if (opens !== 0) fast.open(opens);
    do {
      const seals = fast.deliver();
      if (seals !== 0) fast.seal(seals);
      this.#sender.flush();
    } while (fast.pending() !== 0);
    return Math.max(count, opens);
  }

  /** The road out, for one batch of TUN device `tun`; how many packets that was, segments of a superpacket one by one. */
  #read(tun: number): number {
    const count = this.#readBatch(tun);
    const fast = this.#fast;
    let packets = 0;
    for (let taken = 0; taken < count; ) {
      taken += fast.outbound(tun, taken, count);
      const seals = this.#words[(this.#arena + W_OP_COUNT) >>> 2];
      packets += seals;
      if (seals !== 0) fast.seal(seals);
      this.#sender.flush();
    }
    return Math.max(count, packets);
  }

  #readBatch(tun: number): number {
    const fd = this.#tuns[tun];
    // The device went with the bell of this very round.
    if (fd < 0) return 0;
    const lengths = (this.#arena + TUNLEN) >>> 2;
    const header = this.#words[(G_TUN_FLAGS >>> 2) + tun] & TUN_VNET ? VNET_HEADER : 0;
    const slots = this.#host + TUNRX + SLOT_HEADROOM - header;
    let count = 0;
    let bytes = 0;
    while (count < BATCH && bytes < BATCH_BYTES) {
      const length = read(fd, slots + count * SLOT_STRIDE, SLOT_SIZE + header) - header;
      if (length > 0) {
        this.#words[lengths + count] = length;
        bytes += length;
        count++;
        continue;
      }
      const code = length === -header ? EAGAIN : errno();
      if (code === EAGAIN) break;
      // EINVAL: a superpacket of a kind that has no virtio header; the kernel has dropped it.
      if (code === EINTR || (code === EINVAL && header !== 0)) continue;
      // Deleted, or its namespace was. The descriptor stays open, and known, until control takes it back.
      if (code !== EBADFD) throw failed(code, `read from TUN device ${tun}`);
      this.#epoll.remove(fd);
      this.#tunGone(tun);
      break;
    }
    return count;
  }

  #answer(): void {
    this.#departures.reshape();
    this.#commands.take(this.#tuns, (tun, before, now) => {
      if (before >= 0) this.#epoll.remove(before);
      if (now >= 0) this.#epoll.add(now, EPOLLIN, TUN + tun);
    });
  }

  #tell(): void {
    const at = (this.#arena + RING_HEAD) >>> 2;
    const head = this.#signed[at];
    if (head === this.#headSeen) return;
    this.#headSeen = head;
    Atomics.notify(this.#signed, at);
  }
}
