import { describe, expect, it } from "vitest";
import {
  G_SA_REACH,
  G_WORKERS,
  SA_BYTES,
  SA_LAST,
  SA_PACKETS,
  SA_SEQUENCE,
  SA_STRIDE,
  SOCKET_NAT4,
} from "../../../assembly/layout.ts";
import { Router } from "./harness.ts";
import { CIPHERS, unseal } from "./oracle.ts";
import { address, ip, udp } from "./packets.ts";
import { pair } from "./pair.ts";

const text = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, index) => index & 0xff));
const inner4 = (bytes = 100, tos = 0) =>
  ip({ from: "10.1.0.9", to: "10.2.0.9", payload: udp(1000, 2000, text(bytes)), tos });
const inner6 = (bytes = 100, tos = 0) =>
  ip({ from: "fd00:1::9", to: "fd00:2::9", payload: udp(1000, 2000, text(bytes)), tos });

describe("the tunnel, out and in", () => {
  for (const cipher of CIPHERS) {
    for (const esn of [true, false]) {
      for (const outer of [4, 6] as const) {
        it(`carries IPv4 and IPv6 over IPv${outer}, ${cipher}${esn ? ", ESN" : ""}`, () => {
          const { branch, gateway, carry, socket } = pair({ cipher, esn, outer });
          const packets = [inner4(), inner6(), inner4(0), inner6(1), inner4(1372), inner6(1352)];
          const out = branch.router.fromTun(branch.tun, ...packets);
          expect(out.sent).toHaveLength(packets.length);
          for (const [index, sent] of out.sent.entries()) {
            const opened = unseal(branch.out, sent.bytes);
            const packet = packets[index] as Buffer;
            expect(opened.inner.equals(packet)).toBe(true);
            expect(opened.sequenceLow).toBe(index + 1);
            expect(opened.iv.readBigUInt64BE()).toBe(BigInt(index + 1));
            expect(opened.next).toBe(packet[0] >> 4 === 4 ? 4 : 41);
            expect([...opened.pad]).toEqual([1, 2, 3].slice(0, opened.pad.length));
            expect(opened.pad.length).toBe((4 - ((packet.length + 2) % 4)) % 4);
            expect(sent.socket).toBe(socket);
            expect(sent.to.port).toBe(4500);
          }
          const source = outer === 4 ? "192.0.2.1" : address("2001:db8::1").toString("hex");
          expect(out.sent.map((sent) => sent.source)).toEqual(packets.map(() => source));
          const { written, sent } = carry(gateway, out);
          expect(sent).toEqual([]);
          expect(written.map((write) => write.bytes)).toEqual(packets);
          expect(written.every((write) => write.tun === gateway.tun)).toBe(true);
          expect(branch.router.counters()).toEqual({ "tun-read": 6, encapsulated: 6, sealed: 6 });
          expect(gateway.router.counters()).toEqual({ "udp-read": 6, delivered: 6 });
        });
      }
    }
  }

  it("opens an SA's packets on its own worker only, and touches nothing of it elsewhere", () => {
    const { branch, gateway, carry } = pair();
    const { router, inSa } = gateway;
    const out = branch.router.fromTun(branch.tun, inner4(), inner4());
    // The slot of this SA is 258: of three workers it belongs to worker 0, of four to worker 2.
    router.set32(G_WORKERS, 4);
    router.exports.attach(0);
    const before = Buffer.from(router.bytes.subarray(inSa, inSa + SA_STRIDE));
    expect(carry(gateway, out)).toEqual({ written: [], sent: [], flushes: expect.any(Number) });
    expect(router.counters()).toEqual({ "udp-read": 2, "wrong-worker": 2 });
    expect(before.equals(router.bytes.subarray(inSa, inSa + SA_STRIDE))).toBe(true);
    router.set32(G_WORKERS, 3);
    router.exports.attach(0);
    expect(carry(gateway, out).written).toHaveLength(2);
  });

  it("looks at no slot that was never handed out: which one it is, the sender of an SPI chooses", () => {
    const { branch, gateway, carry } = pair();
    const { router } = gateway;
    const out = branch.router.fromTun(branch.tun, inner4(), inner4());
    router.set32(G_SA_REACH, 258);
    expect(carry(gateway, out).written).toEqual([]);
    expect(router.counters()).toEqual({ "udp-read": 2, "unknown-spi": 2 });
    router.set32(G_SA_REACH, 259);
    expect(carry(gateway, out).written).toHaveLength(2);
  });

  it("carries both directions and counts each SA's traffic", () => {
    const { branch, gateway, carry } = pair();
    const back = ip({ from: "10.2.0.9", to: "10.1.0.9", payload: udp(2000, 1000, text(77)) });
    branch.router.at(5000.25);
    expect(carry(branch, gateway.router.fromTun(gateway.tun, back, back)).written).toHaveLength(2);
    carry(gateway, branch.router.fromTun(branch.tun, inner4(10)));
    const { router, inSa, outSa } = branch;
    expect(router.get64(inSa + SA_PACKETS)).toBe(2n);
    expect(router.get64(inSa + SA_BYTES)).toBe(BigInt(2 * back.length));
    expect(router.get64(inSa + SA_SEQUENCE)).toBe(2n);
    expect(router.view.getFloat64(inSa + SA_LAST, true)).toBe(5000.25);
    expect(router.get64(outSa + SA_PACKETS)).toBe(1n);
    expect(router.get64(outSa + SA_BYTES)).toBe(38n);
    expect(router.get64(outSa + SA_SEQUENCE)).toBe(1n);
  });

  it("lays the datagrams of a batch side by side", () => {
    const { branch } = pair();
    const out = branch.router.fromTun(branch.tun, ...Array.from({ length: 300 }, () => inner4(996)));
    expect(out.sent).toHaveLength(300);
    expect(out.flushes).toBe(3);
    expect(new Set(out.sent.map((sent) => sent.bytes.length))).toEqual(new Set([16 + 1024 + 4 + 16]));
  });

  it("leaves out the source where the path names none", () => {
    const { branch } = pair();
    branch.router.bytes.fill(0, branch.path + 48, branch.path + 64);
    const [sent] = branch.router.fromTun(branch.tun, inner4()).sent;
    expect(sent?.source).toBeUndefined();
  });

  it("goes on across the wrap of the 32-bit half, with ESN", () => {
    const { branch, gateway, carry } = pair({ esn: true, sequence: 0xfffffffdn });
    const out = branch.router.fromTun(branch.tun, ...Array.from({ length: 6 }, () => inner4()));
    expect(out.sent.map((sent) => sent.bytes.readUInt32BE(4))).toEqual([0xfffffffe, 0xffffffff, 0, 1, 2, 3]);
    expect(out.sent.map((sent) => sent.bytes.readBigUInt64BE(8))).toEqual(
      [-2n, -1n, 0n, 1n, 2n, 3n].map((step) => 0x100000000n + step),
    );
    expect(unseal(branch.out, out.sent[4]?.bytes as Buffer, 1).inner.equals(inner4())).toBe(true);
    expect(carry(gateway, out).written).toHaveLength(6);
    expect(gateway.router.get64(gateway.inSa + SA_SEQUENCE)).toBe(0x100000003n);
  });

  it("never sends a sequence number above the limit, and never one twice", () => {
    const { branch } = pair({ esn: false, sequence: 0xfffffffcn, limit: 0xfffffffen });
    const out = branch.router.fromTun(branch.tun, inner4(), inner4(), inner4(), inner4());
    expect(out.sent.map((sent) => sent.bytes.readUInt32BE(4))).toEqual([0xfffffffd, 0xfffffffe]);
    expect(branch.router.counters()).toMatchObject({ "sequence-limit": 2, encapsulated: 2 });
    expect(branch.router.get64(branch.outSa + SA_SEQUENCE)).toBe(0xfffffffen);
  });

  it("shares an SA between workers without giving a number out twice", () => {
    const { branch } = pair();
    // Two instances on one memory, one SA: each sends from its own arena.
    const other = new Router({ workers: 2 });
    const [first, second] = [other.instance(0), other.instance(1)];
    const { tun } = other.tun(1);
    const tunnel = other.adjacency(2);
    other.route(1, "10.2.0.0/16", tunnel);
    const sa = other.sa(branch.out, { slot: 9, path: other.path({ address: "192.0.2.9", port: 4500 }) });
    other.children(tunnel, { sa });
    const numbers: number[] = [];
    for (const [worker, instance] of [first, second, first, second].entries()) {
      numbers.push(...other.fromTunOf(worker % 2, instance, tun, inner4()).map((bytes) => bytes.readUInt32BE(4)));
    }
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  it("opens the example packet of RFC 7634, appendix A", () => {
    const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
    const vector = {
      spi: 0x01020304,
      cipher: "chacha20poly1305" as const,
      key: Buffer.from(Array.from({ length: 32 }, (_, index) => 0x80 + index)),
      salt: hex("a0a1a2a3"),
      esn: false,
    };
    const packet = hex(`01020304 00000005 1011121314151617
      24039428b97f417e3c13753a4f05087b 67c352e6a7fab1b982d466ef407ae5c6 14ee8099d52844eb61aa95dfab4c02f7
      2aa71e7c4c4f64c9befe2facc638e8f3 cbec163fac469b502773f6fb94e664da 9165b82829f641e0
      76aaa8266b7fb0f7b11b369907e1ad43`);
    const source = hex(`45000054a6f200004001e778c6336405 c000020508005b7a3a080000553bec10
      0007362708090a0b0c0d0e0f10111213 1415161718191a1b1c1d1e1f20212223 2425262728292a2b2c2d2e2f30313233
      34353637`);
    // The oracle agrees with the RFC, so the bytes above are the RFC's.
    expect(unseal(vector, packet).inner.equals(source)).toBe(true);
    const router = new Router();
    const { adjacency, tun } = router.tun(3);
    router.route(3, "192.0.2.0/24", adjacency);
    router.sa(vector, { vrf: 3 });
    const { written } = router.receive(SOCKET_NAT4, { bytes: packet });
    expect(written).toEqual([{ tun, bytes: source }]);
  });
});
