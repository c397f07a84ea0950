import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SkOpener, SkSealer } from "../../../src/ike/suite/protect.ts";
import { ENCRYPTIONS } from "../../../src/ike/suite/transform.ts";
import { typeOf } from "../../../src/ike/wire/chain.ts";
import { WireError } from "../../../src/ike/wire/error.ts";
import { decodeHeader } from "../../../src/ike/wire/header.ts";
import {
  decodeContent,
  decodeMessage,
  encodeContent,
  encodeMessage,
  openMessage,
  sealMessage,
} from "../../../src/ike/wire/message.ts";
import { openFragment, sealFragments } from "../../../src/ike/wire/split.ts";
import * as arbitrary from "./arbitrary.ts";
import { hex } from "./vectors.ts";

const bound = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 8000 });
const key = { key: new Uint8Array(32).fill(1), salt: hex("01020304") };
const opener = new SkOpener(ENCRYPTIONS.chacha20poly1305, key);
const sealer = new SkSealer(ENCRYPTIONS.chacha20poly1305, key);

/** Every array of bytes somewhere in a value. */
function arrays(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(arrays);
}

type Outcome = { value: unknown } | { code: string; offset: number; message: string };

/** Runs a parser over bytes that lie in a field of `poison`; anything but a WireError passes through. */
function within(poison: number, bytes: Uint8Array, parse: (bytes: Uint8Array) => unknown): Outcome {
  const field = new Uint8Array(bytes.length + 2 * 300).fill(poison);
  field.set(bytes, 300);
  const view = field.subarray(300, 300 + bytes.length);
  try {
    const value = parse(view);
    for (const array of arrays(value)) {
      if (array.buffer !== field.buffer) continue;
      expect(array.byteOffset).toBeGreaterThanOrEqual(300);
      expect(array.byteOffset + array.length).toBeLessThanOrEqual(300 + bytes.length);
    }
    return { value };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    expect(error.offset).toBeLessThanOrEqual(bytes.length);
    return { code: error.code, offset: error.offset, message: error.message };
  }
}

/**
 * What a parser makes of bytes must not depend on what lies around them, must not be anything but a value or a WireError, and
 * what it returns must lie inside them. The bytes themselves stay as they are.
 */
function harmless(bytes: Uint8Array, parse: (bytes: Uint8Array) => unknown): void {
  const before = bytes.slice();
  const outcomes = [0x00, 0xff, 0x2e].map((poison) => within(poison, bytes, parse));
  expect(outcomes[1]).toEqual(outcomes[0]);
  expect(outcomes[2]).toEqual(outcomes[0]);
  expect(bytes).toEqual(before);
}

function everything(bytes: Uint8Array): unknown {
  const message = decodeMessage(bytes);
  if (message.wrapper?.kind === "encrypted") return openMessage(bytes, message, opener);
  if (message.wrapper?.kind === "fragment") return openFragment(bytes, message, opener);
  return message;
}

/** Makes the header's length right, so that a changed message gets past the first check. */
function sized(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length >= 28) new DataView(copy.buffer).setUint32(24, copy.length);
  return copy;
}

describe("arbitrary bytes", () => {
  it("as a datagram", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        harmless(bytes, decodeHeader);
        harmless(bytes, everything);
      }),
      bound(1000),
    );
  });

  it("behind a good header", () => {
    fc.assert(
      fc.property(
        arbitrary.header,
        fc.integer({ min: 30, max: 56 }),
        fc.uint8Array({ maxLength: 300 }),
        (header, next, rest) => {
          const bytes = Buffer.concat([encodeMessage({ header, payloads: [] }), rest]);
          bytes[16] = next;
          harmless(sized(new Uint8Array(bytes)), everything);
        },
      ),
      bound(1000),
    );
  });

  it("as the body of each payload", () => {
    fc.assert(
      fc.property(fc.integer({ min: 33, max: 54 }), fc.uint8Array({ maxLength: 300 }), (type, body) => {
        const length = 4 + body.length;
        harmless(Uint8Array.from([0, 0, length >>> 8, length, ...body]), (bytes) => decodeContent(bytes, type));
      }),
      bound(3000),
    );
  });

  it("as the content of an authentic message", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.integer({ min: 0, max: 60 }), (plain, first) => {
        const associated = new Uint8Array(32);
        const bytes = Buffer.concat([associated, sealer.seal(associated, plain)]);
        const wrapper = { kind: "encrypted" as const, first, body: new Uint8Array(bytes.subarray(32)), at: 32 };
        const header = decodeHeader(
          encodeMessage({
            header: { spiI: 1n, spiR: 2n, exchange: 37, initiator: true, response: false, messageId: 0 },
            payloads: [],
          }),
        );
        try {
          openMessage(bytes, { header, payloads: [], unknownCritical: [], wrapper }, opener);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
          expect((error as WireError).code).not.toBe("integrity");
        }
      }),
      bound(1000),
    );
  });
});

describe("valid messages, damaged", () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });

  function flipped(bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
    const copy = bytes.slice();
    for (const [at, mask] of changes) copy[at % copy.length] ^= mask;
    return copy;
  }

  it("by flipped bits", () => {
    fc.assert(
      fc.property(arbitrary.header, arbitrary.payloads, flips, (header, payloads, changes) => {
        const bytes = flipped(encodeMessage({ header, payloads }), changes);
        harmless(bytes, everything);
        harmless(sized(bytes), everything);
      }),
      bound(600),
    );
  });

  it("by flipped bits in one payload", () => {
    fc.assert(
      fc.property(arbitrary.payload, flips, (payload, changes) => {
        harmless(flipped(encodeContent([payload]), changes), (bytes) => decodeContent(bytes, typeOf(payload)));
      }),
      bound(3000),
    );
  });

  it("by cutting them short, with the header told of it or not", () => {
    fc.assert(
      fc.property(arbitrary.header, arbitrary.payloads, (header, payloads) => {
        const bytes = encodeMessage({ header, payloads });
        const step = Math.max(1, Math.floor(bytes.length / 40));
        for (let length = 0; length < bytes.length; length += step) {
          expect(within(0, bytes.subarray(0, length), decodeMessage)).toMatchObject({ code: "truncated" });
          harmless(sized(bytes.subarray(0, length)), everything);
        }
      }),
      bound(40),
    );
  });

  it("and encrypted: never opened", () => {
    fc.assert(
      fc.property(arbitrary.header, arbitrary.payloads, flips, fc.boolean(), (header, payloads, changes, split) => {
        const whole = split
          ? sealFragments({ header, payloads }, sealer, 1200)[0]
          : sealMessage({ header, payloads }, sealer);
        const bytes = flipped(whole, changes);
        // A change undone by the next one is no change; reserved bits, minor version and flag V are covered by the tag too.
        if (Buffer.compare(bytes, whole) === 0) return;
        harmless(bytes, everything);
        let opened = true;
        try {
          const message = decodeMessage(bytes);
          opened = message.wrapper !== undefined && everything(bytes) !== undefined;
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
          opened = false;
        }
        expect(opened).toBe(false);
      }),
      bound(300),
    );
  });
});

describe("the largest messages", () => {
  const header = { spiI: 1n, spiR: 0n, exchange: 34, initiator: true, response: false, messageId: 0 };

  /** Bytes of one payload of `type` whose body repeats `unit` up to the end of a 65,535-byte message. */
  function filled(type: number, unit: string, prefix = ""): Uint8Array {
    const bytes = Buffer.alloc(65_535);
    bytes.set(encodeMessage({ header, payloads: [] }));
    bytes[16] = type;
    bytes.writeUInt32BE(bytes.length, 24);
    bytes.writeUInt16BE(bytes.length - 28, 30);
    bytes.set(hex(prefix), 32);
    bytes.fill(Buffer.from(hex(unit)), 32 + hex(prefix).length);
    return new Uint8Array(bytes);
  }

  /** As many payloads as fit; `unit` is the header of each, its first byte the type of all. */
  function chained(unit: string): Uint8Array {
    const bytes = Buffer.alloc(28 + 4 * 16_376);
    bytes.fill(Buffer.from(hex(unit)), 28);
    bytes.set(encodeMessage({ header, payloads: [] }));
    bytes[16] = bytes[28];
    bytes.writeUInt32BE(bytes.length, 24);
    return new Uint8Array(bytes);
  }

  it.each([
    ["proposals without transforms", filled(33, "02000008 01030000")],
    [
      "proposals full of transforms",
      filled(33, `02000408 01030080 ${"03000008 05000000".repeat(127)} 00000008 05000000`),
    ],
    ["transforms full of attributes", filled(33, `03000028 01000014 ${"800e0080".repeat(8)}`, "0000ffdf 01010080")],
    ["traffic selectors", filled(44, "07000010 0000ffff 00000000 ffffffff", "ff000000")],
    ["traffic selectors of unknown type", filled(44, "09000008 00000000", "ff000000")],
    ["deleted SPIs", filled(42, "00000001", "03043ff6")],
    ["empty payloads", chained("2b000004")],
    ["empty unknown critical payloads", chained("c8800004")],
    ["an Encrypted payload of zeros", filled(46, "00")],
  ])("of %s take little time", (_, bytes) => {
    harmless(bytes, everything);

    // Time of a CPU, whoever else wants one.
    const start = process.cpuUsage();
    for (let i = 0; i < 20; i++) {
      try {
        everything(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }
    // About 1 ms each on a slow core, tag check over 64 kB included; a parser with quadratic work would need seconds.
    expect(process.cpuUsage(start).user / 1000 / 20).toBeLessThan(50);
  });
});
