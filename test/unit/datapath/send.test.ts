import { expect, onTestFinished, test } from "vitest";
import { DROP_SEND, DROP_TUN_WRITE } from "../../../assembly/counters.ts";
import {
  CTL_STRIDE,
  IOV_STRIDE,
  MSG_STRIDE,
  SOCKET_NAT4,
  TUNIOV,
  TUNOUT,
  TUNOUT_IOV,
  TUNOUT_IOVS,
  TUNOUT_STRIDE,
  TUNOUT_TUN,
  TX,
  TX_MAX,
  TXCTL,
  TXIOV,
  TXMSG,
  TXRUN,
  W_COUNTERS,
  W_GSO_REFUSED,
  W_TUN_COUNT,
  W_TX_COUNT,
} from "../../../assembly/layout.ts";
import { arenaOf, type PlaneMemory } from "../../../src/datapath/memory.ts";
import type { FastPath } from "../../../src/datapath/module.ts";
import { Sender } from "../../../src/datapath/send.ts";
import { bind, close, connect, hostAddress, read, socket } from "../../../src/linux/ffi.ts";
import { writeSocketName } from "../../../src/linux/sockaddr.ts";
import { nameInRoom, openUdp, type UdpSocket } from "../../../src/linux/udp.ts";
import { makeTables } from "./tables.ts";

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const SLOT = SOCKET_NAT4 * TX_MAX;

/** Where a test keeps the names that its messages go to: in the send region, far behind the datagrams. */
const NAMES = TX + 0x100000;

function makeSender(nat4: number, tuns: readonly number[] = []) {
  const { memory } = makeTables(1);
  const arena = arenaOf(memory.regions, 0);
  const calls = { flushed: 0, tooBig: [] as number[][] };
  const fast = {
    flushed: () => calls.flushed++,
    tooBig: (...which: number[]) => calls.tooBig.push(which),
  } as unknown as FastPath;
  const fds = new Int32Array(64).fill(-1);
  fds.set(tuns);
  const sender = new Sender(memory, arena, fast, [-1, nat4, -1, -1], fds);
  const counted = (counter: number) => Number(memory.view.getBigUint64(arena + W_COUNTERS + counter * 8, true));
  return { memory, arena, sender, calls, counted };
}

/** Queues datagram `index` of one byte, its number, to a port of the loopback; no port: to whom the socket is connected. */
function queue(memory: PlaneMemory, arena: number, index: number, port?: number): void {
  const { view, bytes, host } = memory;
  const message = arena + TXMSG + (SLOT + index) * MSG_STRIDE;
  const iov = arena + TXIOV + (SLOT + index) * IOV_STRIDE;
  const name = arena + NAMES + index * 32;
  bytes[arena + TX + index] = index;
  if (port !== undefined) {
    view.setBigUint64(message, BigInt(host + name), true);
    view.setUint32(message + 8, writeSocketName(view, name, { address: LOOPBACK, port }), true);
  }
  view.setBigUint64(message + 16, BigInt(host + iov), true);
  view.setBigUint64(message + 24, 1n, true);
  view.setBigUint64(iov, BigInt(host + arena + TX + index), true);
  view.setBigUint64(iov + 8, 1n, true);
  view.setUint32(arena + W_TX_COUNT + SOCKET_NAT4 * 4, index + 1, true);
}

function openLoopback(): UdpSocket {
  const opened = openUdp({ family: 4, port: 0, address: LOOPBACK });
  onTestFinished(() => {
    close(opened.fd);
  });
  return opened;
}

/** The first bytes of all datagrams that wait in the socket. */
function received(fd: number): number[] {
  const buffer = new Uint8Array(new ArrayBuffer(128));
  const all: number[] = [];
  while (read(fd, hostAddress(buffer), buffer.length) > 0) all.push(buffer[0]);
  return all;
}

test("one refused datagram is counted, those before and after it are sent", () => {
  const from = openLoopback();
  const to = openLoopback();
  const { memory, arena, sender, calls, counted } = makeSender(from.fd);
  // Port 0 is nobody's: EINVAL.
  [to.port, 0, to.port, 0, to.port].forEach((port, index) => {
    queue(memory, arena, index, port);
  });
  sender.flush();
  expect(received(to.fd)).toEqual([0, 2, 4]);
  expect(counted(DROP_SEND)).toBe(2);
  expect(calls).toEqual({ flushed: 1, tooBig: [] });
});

test("more messages than one sendmmsg takes (1,024) all go", () => {
  const from = openLoopback();
  const to = openLoopback();
  const { memory, arena, sender, counted } = makeSender(from.fd);
  // All but the last 50 to itself, where the buffer may overflow unseen.
  for (let index = 0; index < 2000; index++) queue(memory, arena, index, index < 1950 ? from.port : to.port);
  sender.flush();
  expect(counted(DROP_SEND)).toBe(0);
  expect(received(to.fd)).toEqual(Array.from({ length: 50 }, (_, i) => (1950 + i) & 255));
});

test("a datagram too big for the path is handed to the fast path by its index, and does not stop the rest", () => {
  const from = openLoopback();
  const to = openLoopback();
  const { memory, arena, sender, calls } = makeSender(from.fd);
  for (let index = 0; index < 3; index++) queue(memory, arena, index, to.port);
  // Longer than any UDP datagram can be.
  memory.view.setBigUint64(arena + TXIOV + (SLOT + 1) * IOV_STRIDE + 8, 65530n, true);
  sender.flush();
  expect(calls.tooBig).toEqual([[SOCKET_NAT4, 1]]);
  expect(received(to.fd)).toEqual([0, 2]);
});

/** Makes message `index` a run: `count` datagrams of one byte, its control data UDP_SEGMENT of size 1. */
function makeRun(memory: PlaneMemory, arena: number, index: number, count: number): void {
  const { view, bytes, host } = memory;
  const message = arena + TXMSG + (SLOT + index) * MSG_STRIDE;
  const control = arena + TXCTL + (SLOT + index) * CTL_STRIDE;
  const at = arena + TX + 0x1000 * (index + 1);
  for (let i = 0; i < count; i++) bytes[at + i] = i;
  view.setBigUint64(arena + TXIOV + (SLOT + index) * IOV_STRIDE, BigInt(host + at), true);
  view.setBigUint64(arena + TXIOV + (SLOT + index) * IOV_STRIDE + 8, BigInt(count), true);
  view.setUint32(arena + TXRUN + (SLOT + index) * 4, 1, true);
  view.setBigUint64(control, 18n, true);
  view.setUint32(control + 8, 17, true);
  view.setUint32(control + 12, 103, true);
  view.setUint16(control + 16, 1, true);
  view.setBigUint64(message + 32, BigInt(host + control), true);
  view.setBigUint64(message + 40, 24n, true);
}

test("a run goes as one message; one that the kernel refuses goes one by one, and no more are made for that socket", () => {
  const from = openLoopback();
  const to = openLoopback();
  const { memory, arena, sender, counted } = makeSender(from.fd);
  const refused = () => memory.view.getUint32(arena + W_GSO_REFUSED, true);
  queue(memory, arena, 0, to.port);
  makeRun(memory, arena, 0, 5);
  sender.flush();
  expect(received(to.fd)).toEqual([0, 1, 2, 3, 4]);
  expect(refused()).toBe(0);
  // More datagrams than any kernel takes (UDP_MAX_SEGMENTS): EINVAL.
  makeRun(memory, arena, 0, 200);
  sender.flush();
  expect(received(to.fd)).toEqual(Array.from({ length: 200 }, (_, index) => index));
  expect(refused()).toBe(1 << SOCKET_NAT4);
  expect(counted(DROP_SEND)).toBe(0);
});

test("a run that fails for another reason does not speak against runs, and each of its datagrams is counted", () => {
  const from = openLoopback();
  const to = openLoopback();
  const { memory, arena, sender, counted } = makeSender(from.fd);
  queue(memory, arena, 0, 0);
  queue(memory, arena, 1, to.port);
  makeRun(memory, arena, 0, 7);
  makeRun(memory, arena, 1, 3);
  sender.flush();
  expect(received(to.fd)).toEqual([0, 1, 2]);
  expect(counted(DROP_SEND)).toBe(7);
  expect(memory.view.getUint32(arena + W_GSO_REFUSED, true)).toBe(0);
});

test("a send buffer that stays full is waited for a few milliseconds, then the rest is dropped and counted", () => {
  // A local datagram socket whose reader does not read is full after a few.
  const AF_UNIX = 1;
  const SOCK_DGRAM_NONBLOCK = 2 | 0x800;
  const reader = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  const writer = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  onTestFinished(() => {
    close(reader);
    close(writer);
  });
  const name = new Uint8Array(new ArrayBuffer(32));
  new DataView(name.buffer).setUint16(0, AF_UNIX, true);
  name.set(Buffer.from(`vcpe-${process.pid}`), 3); // byte 2 is 0: an abstract name
  expect(bind(reader, hostAddress(name), 20)).toBe(0);
  expect(connect(writer, hostAddress(name), 20)).toBe(0);
  const { memory, arena, sender, counted } = makeSender(writer);
  for (let index = 0; index < 1500; index++) queue(memory, arena, index);
  const began = performance.now();
  sender.flush();
  expect(performance.now() - began).toBeLessThan(2000);
  const got = received(reader);
  expect(got.length).toBeGreaterThan(0);
  expect(got).toEqual(got.map((_, index) => index & 255));
  expect(counted(DROP_SEND)).toBe(1500 - got.length);
});

test("packets go to the descriptor of their TUN; those of one that has gone are counted", () => {
  // A connected UDP socket stands for the device: it takes one packet a write, too.
  const device = openLoopback();
  const to = openLoopback();
  const peer = nameInRoom({ address: LOOPBACK, port: to.port });
  expect(connect(device.fd, peer.address, peer.length)).toBe(0);
  const { memory, arena, sender, counted } = makeSender(-1, [-1, -1, device.fd]);
  const { view, host, bytes } = memory;
  [2, 0, 2].forEach((tun, index) => {
    const entry = arena + TUNOUT + index * TUNOUT_STRIDE;
    // Two pieces each: iovecs 2i and 2i + 1.
    view.setUint32(entry + TUNOUT_TUN, tun, true);
    view.setUint32(entry + TUNOUT_IOV, index * 2, true);
    view.setUint32(entry + TUNOUT_IOVS, 2, true);
    for (const piece of [0, 1]) {
      const iov = arena + TUNIOV + (index * 2 + piece) * IOV_STRIDE;
      const at = arena + TX + index * 16 + piece * 8;
      bytes[at] = 10 * index + piece;
      view.setBigUint64(iov, BigInt(host + at), true);
      view.setBigUint64(iov + 8, 1n, true);
    }
  });
  view.setUint32(arena + W_TUN_COUNT, 3, true);
  sender.flush();
  expect(received(to.fd)).toEqual([0, 20]);
  expect(counted(DROP_TUN_WRITE)).toBe(1);
});
