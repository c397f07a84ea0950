import { describe, expect, it } from "vitest";
import {
  RECORD_IKE,
  RECORD_MOVED,
  RECORD_TOO_BIG,
  RECORD_UNKNOWN_SPI,
  SA_FORGED,
  SA_MOVED,
  SOCKET_IKE4,
  SOCKET_NAT4,
  SOCKET_NAT6,
} from "../../../assembly/layout.ts";
import { Router } from "./harness.ts";
import { seal, sealText } from "./oracle.ts";
import { address, ikeMessage, ip, marked } from "./packets.ts";
import { pair } from "./pair.ts";

const packet = ip({ from: "10.1.0.9", to: "10.2.0.9", payload: Buffer.alloc(20, 3) });

describe("what is not IKE and not ESP", () => {
  it("is dropped and counted, on both ports", () => {
    const router = new Router();
    const lying = ikeMessage(100);
    lying.writeUInt32BE(101, 24);
    router.receive(
      SOCKET_IKE4,
      { bytes: Buffer.alloc(0) },
      { bytes: Buffer.alloc(27) },
      { bytes: lying },
      { bytes: ikeMessage(60), truncated: true },
    );
    expect(router.counters()).toEqual({ "udp-read": 4, "udp-short": 2, "ike-malformed": 1, "udp-truncated": 1 });
    router.receive(
      SOCKET_NAT4,
      { bytes: Buffer.alloc(0) },
      { bytes: Buffer.from([0xfe]) },
      { bytes: Buffer.from([0xff, 0xff]) },
      { bytes: marked(Buffer.alloc(27)) },
      { bytes: marked(lying) },
      { bytes: Buffer.alloc(33, 0x51) },
    );
    expect(router.counters()).toEqual({ "udp-read": 10, "udp-short": 7, "ike-malformed": 2, "udp-truncated": 1 });
    expect(router.ring()).toEqual([]);
  });

  it("NAT keepalives are counted and nothing else", () => {
    const router = new Router();
    router.receive(SOCKET_NAT4, { bytes: Buffer.from([0xff]) }, { bytes: Buffer.from([0xff]) });
    router.receive(SOCKET_NAT6, { bytes: Buffer.from([0xff]) });
    expect(router.counters()).toEqual({ "udp-read": 3, keepalive: 3 });
  });

  it("of ESP for an unknown SPI a sample is told, with its sender: at most one in 4 ms", () => {
    const { gateway, branch, socket } = pair();
    const { router } = gateway;
    const from = { address: "198.51.100.7", port: 40_000 };
    const stranger = (spi: number) => ({
      bytes: seal({ ...branch.out, spi }, 1n, packet),
      from,
      local: "198.51.100.1",
    });
    router.at(1_700_000_000_000);
    // A slot in use by another SPI, an empty slot, no slot at all, our own outbound SPI in its outbound slot.
    router.receive(socket, stranger(0x99000102), stranger(0x51000200), stranger(0x5100ffff), stranger(0x52000005));
    const told = {
      kind: RECORD_UNKNOWN_SPI,
      socket,
      from,
      local: Buffer.concat([address("198.51.100.1"), Buffer.alloc(12)]),
    };
    expect(router.ring()).toMatchObject([{ ...told, value: 0x99000102 }]);
    router.at(1_700_000_000_003);
    router.receive(socket, stranger(0x51000200));
    expect(router.ring()).toEqual([]);
    router.at(1_700_000_000_004);
    router.receive(socket, stranger(0x51000200), stranger(0x51000300));
    expect(router.ring()).toMatchObject([{ ...told, value: 0x51000200 }]);
    // Set back by an hour, the clock silences nothing.
    router.at(1_699_999_000_000);
    router.receive(socket, stranger(0x51000300));
    expect(router.ring()).toMatchObject([{ ...told, value: 0x51000300 }]);
    expect(router.counters()).toEqual({ "udp-read": 8, "unknown-spi": 8 });
  });

  it("however many packets for unknown SPIs come, the ring has room for IKE", () => {
    const { gateway, branch, socket } = pair();
    const { router } = gateway;
    const flood = Array.from({ length: 128 }, (_, i) => ({
      bytes: seal({ ...branch.out, spi: 0x99000000 + i }, 1n, packet),
    }));
    for (let ms = 0; ms < 1_000; ms++) {
      router.at(1_700_000_000_000 + ms);
      router.receive(socket, ...flood);
    }
    router.receive(socket, { bytes: marked(ikeMessage(1_200)) });
    const records = router.ring();
    expect(records.filter(({ kind }) => kind === RECORD_UNKNOWN_SPI)).toHaveLength(250);
    expect(records.at(-1)).toMatchObject({ kind: RECORD_IKE });
    expect(router.counters()["ike-ring-full"]).toBeUndefined();
  });
});

describe("an ESP packet that is not what it should be", () => {
  it("flipped anywhere: forged", () => {
    const { gateway, branch, socket } = pair();
    const good = seal(branch.out, 1n, packet);
    for (let at = 4; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] as number) ^ (1 << (at % 8));
      expect(gateway.router.receive(socket, { bytes: bad }).written).toEqual([]);
    }
    expect(gateway.router.counters().forged).toBe(good.length - 4);
    expect(gateway.router.get32(gateway.inSa + SA_FORGED)).toBe(good.length - 4);
    expect(gateway.router.receive(socket, { bytes: good }).written).toHaveLength(1);
  });

  it("trailer, next header, inner packet: each for its own reason", () => {
    const { gateway, branch, socket } = pair();
    let number = 0n;
    const counted = (make: (sequence: bigint) => Buffer) => {
      const before = gateway.router.counters();
      number++;
      const { written, sent } = gateway.router.receive(socket, { bytes: make(number) });
      const after = gateway.router.counters();
      const changed = Object.keys(after).filter((name) => name !== "udp-read" && after[name] !== before[name]);
      return [...changed, written.length + sent.length];
    };
    const text =
      (...tail: number[]) =>
      (sequence: bigint) =>
        sealText(branch.out, sequence, Buffer.concat([packet, Buffer.from(tail)]));
    const inner =
      (bytes: Buffer, extra = {}) =>
      (sequence: bigint) =>
        seal(branch.out, sequence, bytes, extra);
    const broken = (at: number, value: number) => {
      const bytes = Buffer.from(packet);
      bytes[at] = value;
      return inner(bytes, { next: 4 });
    };
    expect(counted(inner(packet))).toEqual(["delivered", 1]);
    expect(counted(inner(packet, { pad: 250 }))).toEqual(["delivered", 1]);
    expect(counted(text(1, 2, 2, 4))).toEqual(["delivered", 1]);
    expect(counted(text(0, 0, 2, 4))).toEqual(["esp-trailer", 0]);
    expect(counted(text(1, 2, 255, 4))).toEqual(["esp-trailer", 0]);
    expect(counted((sequence) => sealText(branch.out, sequence, Buffer.from([1, 4])))).toEqual(["esp-trailer", 0]);
    expect(counted((sequence) => sealText(branch.out, sequence, Buffer.from([0, 4])))).toEqual(["ip-malformed", 0]);
    expect(counted(text(1, 2, 2, 59))).toEqual(["dummy", 0]);
    expect(counted((sequence) => sealText(branch.out, sequence, Buffer.from([1, 2, 2, 59])))).toEqual(["dummy", 0]);
    expect(counted(inner(packet, { next: 41 }))).toEqual(["esp-next-header", 0]);
    expect(counted(inner(packet, { next: 6 }))).toEqual(["esp-next-header", 0]);
    expect(counted(broken(8, 77))).toEqual(["ip-checksum", 0]);
    expect(counted(broken(0, 0x44))).toEqual(["ip-malformed", 0]);
    expect(counted(broken(0, 0x55))).toEqual(["ip-malformed", 0]);
    expect(counted(broken(3, 250))).toEqual(["ip-malformed", 0]);
    expect(counted(inner(packet.subarray(0, 19)))).toEqual(["ip-malformed", 0]);
    const six = ip({ from: "fd00:1::9", to: "fd00:2::9", payload: Buffer.alloc(9) });
    six[5] = 10;
    expect(counted(inner(six))).toEqual(["ip-malformed", 0]);
    expect(counted(inner(six.subarray(0, 39)))).toEqual(["ip-malformed", 0]);
  });

  it("TFC padding behind the inner packet is cut off (RFC 4303 §2.7)", () => {
    const { gateway, branch, socket } = pair();
    const padded = Buffer.concat([packet, Buffer.alloc(111, 0xee)]);
    const { written } = gateway.router.receive(socket, { bytes: seal(branch.out, 1n, padded) });
    expect(written.map(({ bytes }) => bytes)).toEqual([packet]);
  });
});

describe("a superpacket", () => {
  it("is taken apart by its segment size, the last one shorter", () => {
    const { branch, gateway, socket } = pair();
    const packets = [packet, packet, packet, ip({ from: "10.1.0.9", to: "10.2.0.9", payload: Buffer.alloc(4) })];
    const datagrams = branch.router.fromTun(branch.tun, ...packets).sent.map(({ bytes }) => bytes);
    const segment = datagrams[0]?.length as number;
    const { written } = gateway.router.receive(socket, { bytes: Buffer.concat(datagrams), segment });
    expect(written.map(({ bytes }) => bytes)).toEqual(packets);
    expect(gateway.router.counters()).toEqual({ "udp-read": 4, "runs-read": 1, delivered: 4 });
  });
});

describe("a peer that moves", () => {
  const far = { address: "203.0.113.77", port: 61234 };

  it("is told by an authentic packet, once until control has heard", () => {
    const { branch, gateway, socket } = pair();
    const send = (sequence: bigint, from = far) =>
      gateway.router.receive(socket, { bytes: seal(branch.out, sequence, packet), from, local: "192.0.2.2" });
    expect(send(1n).written).toHaveLength(1);
    send(2n);
    expect(gateway.router.ring()).toMatchObject([{ kind: RECORD_MOVED, value: 0x102, from: far, socket }]);
    gateway.router.set32(gateway.inSa + SA_MOVED, 0);
    send(3n, { ...far, port: 61235 });
    expect(gateway.router.ring()).toMatchObject([{ kind: RECORD_MOVED, from: { port: 61235 } }]);
    expect(gateway.router.counters()).toMatchObject({ delivered: 3, moved: 2 });
  });

  it("is not told by a forged, a replayed, or a late packet", () => {
    const { branch, gateway, socket } = pair();
    const from = branch.end;
    gateway.router.receive(socket, { bytes: seal(branch.out, 5n, packet), from });
    const forged = seal(branch.out, 9n, packet);
    forged[30] = (forged[30] as number) ^ 1;
    gateway.router.receive(
      socket,
      { bytes: forged, from: far },
      { bytes: seal(branch.out, 5n, packet), from: far },
      { bytes: seal(branch.out, 4n, packet), from: far },
    );
    expect(gateway.router.ring()).toEqual([]);
    expect(gateway.router.counters()).toMatchObject({ forged: 1, replayed: 1, delivered: 2 });
  });

  it("is compared by address and port over IPv6 too", () => {
    const { branch, gateway, socket } = pair({ outer: 6 });
    const at = (from: { address: string; port: number }, sequence: bigint) =>
      gateway.router.receive(socket, { bytes: seal(branch.out, sequence, packet), from });
    at(branch.end, 1n);
    expect(gateway.router.ring()).toEqual([]);
    at({ address: "2001:db8::1:0:0:1", port: 4500 }, 2n);
    expect(gateway.router.ring()).toMatchObject([{ kind: RECORD_MOVED }]);
  });

  it("is not told while control has no belief about where it is", () => {
    const { branch, gateway, socket } = pair();
    gateway.router.set32(gateway.inSa + 20, 0);
    gateway.router.receive(socket, { bytes: seal(branch.out, 1n, packet), from: far });
    expect(gateway.router.ring()).toEqual([]);
  });
});

describe("a datagram that the kernel finds too big", () => {
  it("is traced to its SA by socket and index", () => {
    const { branch, socket } = pair();
    const { router } = branch;
    const other = router.sa({ ...branch.out, spi: 0x61000001 }, { slot: 321, path: branch.path });
    router.fromTun(branch.tun, packet);
    router.children(branch.tunnel, { sa: other });
    // The last flush has emptied the queue, but its messages still stand there.
    router.fromTun(branch.tun, packet);
    router.tooBig(socket, 0);
    expect(router.ring()).toMatchObject([
      { kind: RECORD_TOO_BIG, value: 321, socket, from: { address: "192.0.2.2", port: 4500 } },
    ]);
    expect(router.counters()).toMatchObject({ "send-too-big": 1 });
  });
});
