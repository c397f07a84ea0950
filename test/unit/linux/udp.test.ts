import { expect, test } from "vitest";
import { EPOLLIN, Epoll } from "../../../src/linux/epoll.ts";
import { closeEventfd, drainEventfd, openEventfd, ringEventfd } from "../../../src/linux/eventfd.ts";
import { errno, hostAddress, recvmmsg } from "../../../src/linux/ffi.ts";
import { localAddressFor, pathMtu } from "../../../src/linux/path.ts";
import { readSocketName, type SocketName } from "../../../src/linux/sockaddr.ts";
import { checkPortFree, closeUdp, openUdp, sendDatagram, type UdpSocket } from "../../../src/linux/udp.ts";

const LOOPBACK4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK6 = new Uint8Array(16).fill(1, 15);

interface Received {
  readonly bytes: Uint8Array;
  readonly from: SocketName | undefined;
  readonly control: Uint8Array;
}

/** Receives up to 4 datagrams into shared WebAssembly memory, as the datapath does. */
function receive(socket: UdpSocket): Received[] {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const view = new DataView(memory.buffer);
  const base = hostAddress(new Uint8Array(memory.buffer));
  for (let i = 0; i < 4; i++) {
    const message = i * 64;
    view.setBigUint64(message, BigInt(base + 1024 + i * 32), true);
    view.setUint32(message + 8, 32, true);
    view.setBigUint64(message + 16, BigInt(base + 512 + i * 16), true);
    view.setBigUint64(message + 24, 1n, true);
    view.setBigUint64(message + 32, BigInt(base + 2048 + i * 128), true);
    view.setBigUint64(message + 40, 128n, true);
    view.setBigUint64(512 + i * 16, BigInt(base + 4096 + i * 2048), true);
    view.setBigUint64(512 + i * 16 + 8, 2048n, true);
  }
  const count = recvmmsg(socket.fd, base, 4, 0, 0);
  if (count < 0) throw new Error(`recvmmsg: errno ${errno()}`);
  return Array.from({ length: count }, (_, i) => ({
    bytes: new Uint8Array(memory.buffer).slice(4096 + i * 2048, 4096 + i * 2048 + view.getUint32(i * 64 + 56, true)),
    from: readSocketName(view, 1024 + i * 32),
    control: new Uint8Array(memory.buffer).slice(2048 + i * 128, 2048 + i * 128 + view.getUint32(i * 64 + 40, true)),
  }));
}

/** Bytes of the control message of this level and type. */
function control(bytes: Uint8Array, level: number, type: number): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 16 <= bytes.length; at += (Number(view.getBigUint64(at, true)) + 7) & ~7) {
    const length = Number(view.getBigUint64(at, true));
    if (view.getInt32(at + 8, true) === level && view.getInt32(at + 12, true) === type) {
      return bytes.slice(at + 16, at + length);
    }
  }
  return undefined;
}

test("IPv4: datagrams arrive in WASM memory with sender and destination, and leave from the chosen address", () => {
  const server = openUdp({ family: 4, port: 0, buffer: 1 << 20 });
  const client = openUdp({ family: 4, port: 0 });
  const source = Uint8Array.of(127, 0, 0, 7);
  const to = { address: Uint8Array.of(127, 0, 0, 3), port: server.port };
  expect(sendDatagram(client, [new Uint8Array(4), Uint8Array.of(1, 2, 3)], to, source)).toBe(0);
  expect(sendDatagram(client, [Uint8Array.of(9)], to)).toBe(0);
  const [first, second] = receive(server);
  expect(first.bytes).toEqual(Uint8Array.of(0, 0, 0, 0, 1, 2, 3));
  expect(first.from).toEqual({ address: source, port: client.port, scope: 0 });
  // in_pktinfo: ifindex, spec_dst, addr: the address that it was sent to.
  expect(control(first.control, 0, 8)?.slice(8)).toEqual(to.address);
  expect(control(first.control, 0, 1)).toEqual(Uint8Array.of(0));
  expect(second.bytes).toEqual(Uint8Array.of(9));
  closeUdp(server);
  closeUdp(client);
});

const ipv6 = localAddressFor(LOOPBACK6) !== undefined;
if (!ipv6) console.log("skipped: no IPv6 loopback here");

test.skipIf(!ipv6)("IPv6 beside IPv4 on one port, with destination and traffic class", () => {
  const server4 = openUdp({ family: 4, port: 0 });
  const server = openUdp({ family: 6, port: server4.port });
  const client = openUdp({ family: 6, port: 0, address: LOOPBACK6 });
  expect(sendDatagram(client, [Uint8Array.of(5)], { address: LOOPBACK6, port: server.port }, LOOPBACK6)).toBe(0);
  const [only] = receive(server);
  expect(only.bytes).toEqual(Uint8Array.of(5));
  expect(only.from).toEqual({ address: LOOPBACK6, port: client.port, scope: 0 });
  expect(control(only.control, 41, 50)?.slice(0, 16)).toEqual(LOOPBACK6);
  expect(control(only.control, 41, 67)?.length).toBe(4);
  for (const socket of [server4, server, client]) closeUdp(socket);
});

test("a taken port and an address that is not ours are told apart, with the next step", () => {
  const held = openUdp({ family: 4, port: 0, reusePort: true });
  expect(() => openUdp({ family: 4, port: held.port })).toThrow(
    expect.objectContaining({ code: "port-taken", errno: "EADDRINUSE", next: expect.stringContaining("ss -ulnp") }),
  );
  expect(() => checkPortFree({ family: 4, port: held.port })).toThrow(expect.objectContaining({ code: "port-taken" }));
  const shared = openUdp({ family: 4, port: held.port, reusePort: true });
  expect(shared.port).toBe(held.port);
  closeUdp(shared);
  closeUdp(held);
  checkPortFree({ family: 4, port: held.port });
  expect(() => openUdp({ family: 4, port: 0, address: Uint8Array.of(192, 0, 2, 77) })).toThrow(
    expect.objectContaining({ code: "address-not-here", message: expect.stringContaining("bind UDP 192.0.2.77:0") }),
  );
});

test("a datagram above 64 KiB is refused as too long, not cut", () => {
  const socket = openUdp({ family: 4, port: 0 });
  const to = { address: LOOPBACK4, port: socket.port };
  expect(sendDatagram(socket, [new Uint8Array(65000), new Uint8Array(65000)], to)).toBe(90);
  expect(sendDatagram(socket, [new Uint8Array(65508)], to)).toBe(90);
  closeUdp(socket);
});

test("the way to a peer: our address and the MTU", () => {
  expect(localAddressFor(LOOPBACK4)).toEqual(LOOPBACK4);
  // The loopback's MTU is 65,536, an IPv4 packet's length field ends at 65,535.
  expect(pathMtu(LOOPBACK4)).toBe(65535);
  expect(pathMtu(LOOPBACK4, Uint8Array.of(192, 0, 2, 77))).toBeUndefined();
  expect(localAddressFor(Uint8Array.of(255, 255, 255, 255))).toBeUndefined();
});

test("epoll wakes for an eventfd and a datagram, and names them by their tags", () => {
  const epoll = new Epoll(4);
  const bell = openEventfd();
  const socket = openUdp({ family: 4, port: 0 });
  epoll.add(bell, EPOLLIN, 7);
  epoll.add(socket.fd, EPOLLIN, 0xfffffff0);
  expect(epoll.wait(0)).toBe(0);
  ringEventfd(bell);
  ringEventfd(bell);
  sendDatagram(socket, [Uint8Array.of(1)], { address: LOOPBACK4, port: socket.port });
  expect(epoll.wait(1000)).toBe(2);
  expect(new Set([epoll.tag(0), epoll.tag(1)])).toEqual(new Set([7, 0xfffffff0]));
  expect(epoll.events(0)).toBe(EPOLLIN);
  drainEventfd(bell);
  epoll.remove(socket.fd);
  expect(epoll.wait(0)).toBe(0);
  closeUdp(socket);
  closeEventfd(bell);
  epoll.close();
});
