import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { intruder, PcapError, parsePcap } from "../../../src/lab/pcap.ts";

/** A capture of Ethernet frames in the classic format, little or big endian. */
function capture(frames: readonly Uint8Array[], little = true, linkType = 1): Buffer {
  const word = (value: number) => {
    const bytes = Buffer.alloc(4);
    if (little) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  };
  const half = Buffer.from(little ? [2, 0, 4, 0] : [0, 2, 0, 4]);
  const header = Buffer.concat([word(0xa1b2c3d4), half, word(0), word(0), word(65535), word(linkType)]);
  const records = frames.map((frame) =>
    Buffer.concat([word(1), word(2), word(frame.length), word(frame.length), frame]),
  );
  return Buffer.concat([header, ...records]);
}

function ipv4(protocol: number, payload: readonly number[], fragment = 0): Buffer {
  const header = [0x45, 0, 0, 20 + payload.length, 0, 0, fragment >> 8, fragment & 255, 64, protocol, 0, 0];
  return Buffer.from([...header, 192, 0, 2, 1, 192, 0, 2, 2, ...payload]);
}

function ipv6(next: number, payload: readonly number[]): Buffer {
  const address = (last: number) => [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
  return Buffer.from([0x60, 0, 0, 0, 0, payload.length, next, 64, ...address(1), ...address(2), ...payload]);
}

const port = (from: number, to: number) => [from >> 8, from & 255, to >> 8, to & 255, 0, 8, 0, 0];
const name4 = (data: Buffer) => intruder({ etherType: 0x0800, data });
const name6 = (data: Buffer) => intruder({ etherType: 0x86dd, data });

describe("capture files", () => {
  it("are read in either byte order", () => {
    const frame = Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0]), ipv4(1, [8, 0])]);
    for (const little of [true, false]) {
      const packets = parsePcap(capture([frame, frame], little));
      expect(packets).toHaveLength(2);
      expect(packets[0]).toEqual({ etherType: 0x0800, data: frame.subarray(14) });
    }
  });

  it("unwrap Linux's cooked frames, both versions", () => {
    const packet = ipv4(17, port(500, 500));
    const cooked1 = Buffer.concat([Buffer.alloc(14), Buffer.from([8, 0]), packet]);
    const cooked2 = Buffer.concat([Buffer.from([8, 0]), Buffer.alloc(18), packet]);
    expect(parsePcap(capture([cooked1], true, 113))[0]!.data).toEqual(packet);
    expect(parsePcap(capture([cooked2], true, 276))[0]!.data).toEqual(packet);
  });

  it("may end in the middle of a record", () => {
    const frame = Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0]), ipv4(1, [8, 0])]);
    const whole = capture([frame, frame]);
    for (let length = 24; length < whole.length; length++) {
      expect(parsePcap(whole.subarray(0, length))).toHaveLength(length >= 24 + 16 + frame.length ? 1 : 0);
    }
  });

  it("throw nothing but PcapError, whatever the bytes", () => {
    const header = fc.constantFrom(capture([]), capture([], false), capture([], true, 276), Buffer.alloc(0));
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 300 }), (begin, rest) => {
        try {
          for (const packet of parsePcap(Buffer.concat([begin, rest]))) intruder(packet);
        } catch (error) {
          if (!(error instanceof PcapError)) throw error;
        }
      }),
      { interruptAfterTimeLimit: 2000, numRuns: 2000 },
    );
  });

  it("name an intruder or none for every packet", () => {
    fc.assert(
      fc.property(fc.constantFrom(0x0800, 0x86dd), fc.uint8Array({ maxLength: 80 }), (etherType, data) => {
        const name = intruder({ etherType, data: Buffer.from(data) });
        expect(name === undefined || name.length > 0).toBe(true);
      }),
      { interruptAfterTimeLimit: 2000, numRuns: 2000 },
    );
  });
});

describe("what belongs on the internet side", () => {
  it("is IKE, ESP in UDP, ARP and the link's own ICMPv6", () => {
    expect(name4(ipv4(17, port(500, 500)))).toBeUndefined();
    expect(name4(ipv4(17, port(33333, 4500)))).toBeUndefined();
    expect(name4(ipv4(17, port(4500, 33333)))).toBeUndefined();
    expect(name6(ipv6(17, port(4500, 4500)))).toBeUndefined();
    expect(name6(ipv6(58, [135, 0, 0, 0]))).toBeUndefined();
    expect(name6(ipv6(0, [58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0]))).toBeUndefined();
    expect(intruder({ etherType: 0x0806, data: Buffer.alloc(28) })).toBeUndefined();
  });

  it("is nothing else", () => {
    expect(name4(ipv4(17, port(5201, 5201)))).toBe("UDP 5201 → 5201, 192.0.2.1 → 192.0.2.2");
    expect(name4(ipv4(1, [8, 0]))).toBe("IPv4 protocol 1, 192.0.2.1 → 192.0.2.2");
    expect(name4(ipv4(6, port(500, 500)))).toMatch(/^IPv4 protocol 6/);
    expect(name4(ipv4(50, [1, 2, 3, 4]))).toMatch(/^IPv4 protocol 50/);
    expect(name4(ipv4(17, port(500, 500), 1))).toMatch(/^IPv4 fragment of protocol 17/);
    expect(name6(ipv6(58, [128, 0, 0, 0]))).toMatch(/^ICMPv6 type 128/);
    expect(name6(ipv6(0, [58, 0, 5, 2, 0, 0, 1, 0, 129, 0, 0, 0]))).toMatch(/^ICMPv6 type 129/);
    expect(name6(ipv6(6, port(4500, 4500)))).toMatch(/^IPv6 next header 6/);
    expect(name6(ipv6(44, [17, 0, 0, 8, 0, 0, 0, 0]))).toMatch(/^IPv6 next header 44/);
    expect(intruder({ etherType: 0x8847, data: Buffer.alloc(4) })).toBe("EtherType 0x8847");
  });

  it("may be a host's word that nobody listens for a tunnel's packet yet, and for no other", () => {
    const unreachable = (protocol: number, ports: number[], code = 3) =>
      name4(ipv4(1, [3, code, 0, 0, 0, 0, 0, 0, ...ipv4(protocol, ports)]));
    expect(unreachable(17, port(500, 500))).toBeUndefined();
    expect(unreachable(17, port(31_000, 4500))).toBeUndefined();
    expect(unreachable(17, port(53, 53))).toContain("IPv4 protocol 1");
    expect(unreachable(6, port(500, 500))).toContain("IPv4 protocol 1");
    expect(unreachable(17, port(500, 500), 1)).toContain("IPv4 protocol 1");
    expect(name4(ipv4(1, [3, 3, 0, 0]))).toContain("IPv4 protocol 1");
  });
});
