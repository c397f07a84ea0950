/**
 * One end of a UDP flow, run as a program of its own inside a namespace:
 *
 *   flow sink PORT SECONDS                        counts what arrives; ends a quarter of a second after the last datagram
 *   flow source ADDRESS PORT MBPS SECONDS SIZES   sends payloads of SIZES bytes ("1024" or "1024,64,64") in turn, paced
 *
 * Each prints one line of JSON when it ends. Datagrams go one by one to the network (no UDP GSO), so that the routers see what a
 * network card would give them; sendmmsg and recvmmsg only save the sender and the receiver system calls.
 */
import { connect, errno, hostAddress, poll, recvmmsg, sendmmsg, setsockopt } from "../../src/linux/ffi.ts";
import { nameInRoom, openUdp, udpSocket } from "../../src/linux/udp.ts";

const BATCH = 64;
/** Bytes of one buffer: above any payload on a 1500-byte link. */
const SLOT = 2048;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const POLLIN = 1;
const POLLOUT = 4;

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

function sink(port: number, seconds: number): void {
  const { fd } = openUdp({ family: 4, port, buffer: 16 << 20 });
  const { view, address } = messages();
  const readable = waiter(fd, POLLIN);
  process.stderr.write("listening\n");
  let packets = 0;
  let bytes = 0;
  let first = 0;
  let last = 0;
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const count = recvmmsg(fd, address, BATCH, 0, 0);
    if (count > 0) {
      last = performance.now();
      if (packets === 0) first = last;
      packets += count;
      for (let i = 0; i < count; i++) bytes += view.getUint32(i * 64 + 56, true);
      continue;
    }
    if (!readable(250) && packets > 0) break;
  }
  process.stdout.write(`${JSON.stringify({ packets, bytes, ms: last - first })}\n`);
}

function source(host: string, port: number, mbps: number, seconds: number, sizes: readonly number[]): void {
  const fd = udpSocket(4);
  const { view, address } = messages();
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
  process.stdout.write(`${JSON.stringify({ packets, bytes, ms, refused })}\n`);
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
function waitMs(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "sink") sink(Number(rest[0]), Number(rest[1]));
else if (mode === "source") {
  const [host = "", port, mbps, seconds, sizes = "1024"] = rest;
  source(host, Number(port), Number(mbps), Number(seconds), sizes.split(",").map(Number));
} else throw new Error("flow sink PORT SECONDS | flow source ADDRESS PORT MBPS SECONDS SIZES");
