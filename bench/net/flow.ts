/**
 * One end of UDP flows, run as a program of its own inside a namespace. Orders come on standard input, a line of JSON each:
 *
 *   flow sink      says "listening", counts what arrives until the end of the flow, says what it has received
 *   flow source    sends payloads of the given sizes in turn, paced, marks the end of the flow, says what it has sent
 *
 * Datagrams go one by one to the network (no UDP GSO), so that the routers see what a network card would give them; sendmmsg and
 * recvmmsg only save the sender and the receiver system calls.
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { close, connect, errno, hostAddress, poll, recvmmsg, sendmmsg, setsockopt } from "../../src/linux/ffi.ts";
import { nameInRoom, openUdp, udpSocket } from "../../src/linux/udp.ts";

const BATCH = 64;
/** Bytes of one buffer: above any payload on a 1500-byte link. */
const SLOT = 2048;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const POLLIN = 1;
const POLLOUT = 4;

/** Bytes of the datagrams that mark the end of a flow; payloads are larger. */
const MARK = 1;
/** Such datagrams: one may be lost. */
const MARKS = 3;

export interface FlowOrder {
  /** IPv4, in dotted form. */
  readonly address: string;
  readonly port: number;
  /** Of payload. */
  readonly mbps: number;
  readonly seconds: number;
  /** Bytes of payload, more than MARK, in turn. */
  readonly sizes: readonly number[];
}

export interface Sent {
  readonly packets: number;
  readonly bytes: number;
  readonly ms: number;
  /** Calls that the kernel refused because its buffer was full. */
  readonly refused: number;
  /** CPU time of this process: its own and the kernel's for it. With veth, that includes forwarding done on its behalf. */
  readonly cpuUs: number;
}

export interface Received {
  readonly packets: number;
  readonly bytes: number;
  readonly cpuUs: number;
}

interface Messages {
  readonly view: DataView;
  readonly address: number;
}

/** Keeps the buffers from being collected: the kernel knows their addresses, the garbage collector does not. */
const held: ArrayBufferView[] = [];

/** BATCH struct mmsghdr (64 bytes) with one iovec (16 bytes) each. */
function messages(): Messages {
  const data = new Uint8Array(new ArrayBuffer(BATCH * SLOT));
  const view = new DataView(new ArrayBuffer(BATCH * 80));
  const address = hostAddress(view);
  const base = hostAddress(data);
  held.push(view, data);
  for (let i = 0; i < BATCH; i++) {
    const iovec = BATCH * 64 + i * 16;
    view.setBigUint64(i * 64 + 16, BigInt(address + iovec), true);
    view.setBigUint64(i * 64 + 24, 1n, true);
    view.setBigUint64(iovec, BigInt(base + i * SLOT), true);
    view.setBigUint64(iovec + 8, BigInt(SLOT), true);
  }
  return { view, address };
}

/** Waits until the socket is ready, at most `ms`. */
function waiter(fd: number, event: number): (ms: number) => boolean {
  const view = new DataView(new ArrayBuffer(8));
  const address = hostAddress(view);
  held.push(view);
  return (ms) => {
    view.setInt32(0, fd, true);
    view.setUint32(4, event, true);
    return poll(address, 1, ms) > 0;
  };
}

/** So long nothing must come after the mark, or ever: the flow is over. Milliseconds. */
const QUIET_AFTER_MARK = 15;
const QUIET = 250;

function sink({ port, seconds }: FlowOrder, { view, address }: Messages): void {
  const { fd } = openUdp({ family: 4, port, buffer: 16 << 20 });
  const readable = waiter(fd, POLLIN);
  say({ listening: port });
  let packets = 0;
  let bytes = 0;
  let marked = false;
  const cpu = process.cpuUsage();
  const until = performance.now() + (seconds + 4) * 1000;
  while (performance.now() < until) {
    const count = recvmmsg(fd, address, BATCH, 0, 0);
    for (let i = 0; i < count; i++) {
      const size = view.getUint32(i * 64 + 56, true);
      if (size === MARK) marked = true;
      else {
        packets++;
        bytes += size;
      }
    }
    if (count <= 0 && !readable(marked ? QUIET_AFTER_MARK : QUIET) && (marked || packets > 0)) break;
  }
  close(fd);
  say({ packets, bytes, cpuUs: since(cpu) } satisfies Received);
}

function source({ address: host, port, mbps, seconds, sizes }: FlowOrder, { view, address }: Messages): void {
  const fd = udpSocket(4);
  // Room for a few batches only: the rate is ours to keep, not the queue's.
  const buffer = new DataView(new ArrayBuffer(4));
  buffer.setInt32(0, 4 << 20, true);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, hostAddress(buffer), 4);
  const name = nameInRoom({ address: Uint8Array.from(host.split("."), Number), port });
  if (connect(fd, name.address, name.length) < 0) throw new Error(`connect failed with errno ${errno()}`);
  const writable = waiter(fd, POLLOUT);
  let batchBytes = 0;
  for (let i = 0; i < BATCH; i++) {
    const size = sizes[i % sizes.length]!;
    view.setBigUint64(BATCH * 64 + i * 16 + 8, BigInt(size), true);
    batchBytes += size;
  }
  const cpu = process.cpuUsage();
  const bytesPerMs = (mbps * 1e6) / 8 / 1000;
  const begun = performance.now();
  let packets = 0;
  let bytes = 0;
  let refused = 0;
  /** Bytes that were due while this program did not run. Sent late they would be a burst, and its loss nobody's but ours. */
  let forgiven = 0;
  for (;;) {
    const elapsed = performance.now() - begun;
    if (elapsed >= seconds * 1000) break;
    const due = elapsed * bytesPerMs - forgiven;
    if (due - bytes > batchBytes + 2 * bytesPerMs) forgiven += due - bytes - batchBytes;
    if (bytes + batchBytes > due) {
      const ahead = (bytes + batchBytes - due) / bytesPerMs;
      // Sleeping costs no CPU, which the routers may need; the rest of a millisecond is spent in short waits.
      if (ahead > 1.2) waitMs(Math.floor(ahead));
      continue;
    }
    const sent = sendmmsg(fd, address, BATCH, 0);
    if (sent > 0) {
      packets += sent;
      for (let i = 0; i < sent; i++) bytes += sizes[i % sizes.length]!;
    } else {
      refused++;
      writable(1);
    }
  }
  const ms = performance.now() - begun;
  const sent: Sent = { packets, bytes, ms, refused, cpuUs: since(cpu) };
  view.setBigUint64(BATCH * 64 + 8, BigInt(MARK), true);
  for (let i = 0; i < MARKS; i++) {
    waitMs(2);
    sendmmsg(fd, address, 1, 0);
  }
  close(fd);
  say(sent);
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
function waitMs(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

function since(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** At once, for the loop that follows lets no event through. */
function say(what: object): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

const work = process.argv[2] === "sink" ? sink : source;
const room = messages();
for await (const line of createInterface(process.stdin)) work(JSON.parse(line) as FlowOrder, room);
