import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SkOpener, SkSealer } from "../../../src/ike/suite/protect.ts";
import { ENCRYPTIONS } from "../../../src/ike/suite/transform.ts";
import { MAX_PAYLOADS, type Payload } from "../../../src/ike/wire/chain.ts";
import { decodeHeader } from "../../../src/ike/wire/header.ts";
import {
  decodeMessage,
  encodeMessage,
  openMessage,
  payloadOf,
  payloadsOf,
  sealMessage,
} from "../../../src/ike/wire/message.ts";
import { notifyOf } from "../../../src/ike/wire/notify.ts";
import * as arbitrary from "./arbitrary.ts";
import { hex, toHex } from "./vectors.ts";

const coded = (code: string) => expect.objectContaining({ name: "WireError", code });
const key = { key: new Uint8Array(32).fill(1), salt: hex("01020304") };
const cipher = ENCRYPTIONS.chacha20poly1305;
const sealer = () => new SkSealer(cipher, key);
const opener = () => new SkOpener(cipher, key);
const fields = { spiI: 1n, spiR: 2n, exchange: 37, initiator: true, response: false, messageId: 7 };

/** A message of hand-made payloads: type of each, flags and body; every "next" and length is right. */
function crafted(chain: readonly { type: number; flags?: number; body?: string }[]): Uint8Array {
  const parts = chain.map(({ flags = 0, body = "" }, i) => {
    const bytes = hex(body);
    return Buffer.concat([Buffer.of(chain[i + 1]?.type ?? 0, flags, 0, 4 + bytes.length), bytes]);
  });
  const length = 28 + parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.from(encodeMessage({ header: fields, payloads: [] }));
  head[16] = chain[0]?.type ?? 0;
  head.writeUInt32BE(length, 24);
  return new Uint8Array(Buffer.concat([head, ...parts]));
}

/** Seals any plaintext, padding included, as an SK payload that says its first inner payload is `first`. */
function sealRaw(first: number, plain: Uint8Array): Uint8Array {
  const length = 4 + 8 + plain.length + 16;
  const head = Buffer.from(encodeMessage({ header: fields, payloads: [] }));
  head[16] = 46;
  head.writeUInt32BE(28 + length, 24);
  const associated = Buffer.concat([head, Buffer.of(first, 0, length >>> 8, length)]);
  return new Uint8Array(Buffer.concat([associated, sealer().seal(associated, plain)]));
}

const openRaw = (first: number, plain: Uint8Array) => {
  const bytes = sealRaw(first, plain);
  return openMessage(bytes, decodeMessage(bytes), opener());
};

describe("the header", () => {
  const bytes = hex("0102030405060708 1112131415161718 22 20 22 08 00000003 0000001c");

  it("is read and written as RFC 7296 §3.1 draws it", () => {
    const header = decodeHeader(bytes);
    expect(header).toEqual({
      spiI: 0x0102030405060708n,
      spiR: 0x1112131415161718n,
      next: 34,
      major: 2,
      minor: 0,
      exchange: 34,
      initiator: true,
      response: false,
      higher: false,
      messageId: 3,
      length: 28,
    });
    const written = encodeMessage({ header: { ...fields, ...header }, payloads: [] });
    expect(toHex(written)).toBe(toHex(bytes).replace("182220", "180020"));
  });

  it("tells flags apart", () => {
    const flags = (value: number) => decodeHeader(Uint8Array.from(bytes, (byte, i) => (i === 19 ? value : byte)));
    expect(flags(0x00)).toMatchObject({ initiator: false, response: false, higher: false });
    expect(flags(0x08)).toMatchObject({ initiator: true, response: false, higher: false });
    expect(flags(0x20)).toMatchObject({ initiator: false, response: true, higher: false });
    expect(flags(0x10)).toMatchObject({ initiator: false, response: false, higher: true });
    expect(flags(0xc7)).toMatchObject({ initiator: false, response: false, higher: false });
  });

  it("is readable in any version, the message only in 2", () => {
    const version3 = encodeMessage({ header: fields, payloads: [] });
    version3[17] = 0x31;
    expect(decodeHeader(version3)).toMatchObject({ major: 3, minor: 1 });
    expect(() => decodeMessage(version3)).toThrow(coded("version"));
    version3[17] = 0x2f;
    expect(decodeMessage(version3).header.minor).toBe(15);
  });

  it("must give the length of the datagram", () => {
    const message = encodeMessage({ header: fields, payloads: [notifyOf(1)] });
    expect(() => decodeHeader(Buffer.concat([message, Buffer.of(0)]))).toThrow(coded("length"));
    expect(() => decodeMessage(message.subarray(0, -1))).toThrow(coded("truncated"));
    expect(() => decodeMessage(Buffer.concat([message, Buffer.of(0)]))).toThrow(coded("length"));
    expect(() => decodeMessage(message.subarray(0, 27))).toThrow(coded("truncated"));
    expect(() => decodeMessage(new Uint8Array(0))).toThrow(coded("truncated"));
  });
});

it("comes back as it was written, in the clear", () => {
  fc.assert(
    fc.property(arbitrary.header, arbitrary.payloads, (header, payloads) => {
      const bytes = encodeMessage({ header, payloads });
      const message = decodeMessage(bytes);
      expect(message.header).toMatchObject({ ...header, major: 2, minor: 0, length: bytes.length });
      expect(message.payloads).toEqual(payloads);
      expect([message.wrapper, message.unknownCritical]).toEqual([undefined, []]);
      expect(toHex(encodeMessage(message))).toBe(toHex(bytes));
    }),
    { numRuns: 200, interruptAfterTimeLimit: 8000 },
  );
});

it.each(Object.values(ENCRYPTIONS))("comes back as it was written, encrypted with $name", (encryption) => {
  const both = { key: key.key.subarray(0, encryption.keyLength), salt: key.salt };
  const seals = new SkSealer(encryption, both);
  fc.assert(
    fc.property(arbitrary.header, arbitrary.payloads, (header, payloads) => {
      const bytes = sealMessage({ header, payloads }, seals);
      const message = decodeMessage(bytes);
      expect(message.payloads).toEqual([]);
      expect(message.wrapper).toMatchObject({ kind: "encrypted", at: 32 });
      const open = openMessage(bytes, message, new SkOpener(encryption, both));
      expect(open.header).toMatchObject(header);
      expect(open.payloads).toEqual(payloads);
    }),
    { numRuns: 60, interruptAfterTimeLimit: 8000 },
  );
});

describe("payloads that we don't know", () => {
  const nonce = { type: 40, body: "aa".repeat(16) };

  it("are skipped", () => {
    const message = decodeMessage(crafted([{ type: 200, body: "ffff" }, nonce, { type: 54 }]));
    expect(message.payloads.map((payload) => payload.kind)).toEqual(["nonce"]);
    expect(message.unknownCritical).toEqual([]);
  });

  it("are reported when they are critical", () => {
    const message = decodeMessage(crafted([{ type: 200, flags: 0x80 }, nonce, { type: 201, flags: 0x80 }]));
    expect(message.unknownCritical).toEqual([200, 201]);
    expect(message.payloads).toHaveLength(1);
  });

  it("are reported when they are critical and encrypted, together with those in front", () => {
    const { payloads, unknownCritical } = openRaw(200, hex("2b 80 0004  c9 00 0004  00 80 0004  00"));
    expect([payloads.length, unknownCritical]).toEqual([1, [200, 201]]);
    const bytes = sealRaw(200, hex("00 80 0004 00"));
    const message = { ...decodeMessage(bytes), unknownCritical: [222] };
    expect(openMessage(bytes, message, opener()).unknownCritical).toEqual([222, 200]);
  });

  it("are not meant by the critical bit of a payload that we do know, nor by the reserved bits", () => {
    expect(decodeMessage(crafted([{ ...nonce, flags: 0x80 }]))).toMatchObject({ unknownCritical: [] });
    expect(decodeMessage(crafted([{ type: 200, flags: 0x7f }, nonce]))).toMatchObject({ unknownCritical: [] });
  });
});

describe("the chain", () => {
  it("ends with the message", () => {
    const bytes = crafted([{ type: 43, body: "00" }]);
    const longer = Buffer.concat([bytes, Buffer.of(0)]);
    longer.writeUInt32BE(longer.length, 24);
    expect(() => decodeMessage(longer)).toThrow(coded("length"));
  });

  it.each([0, 3])("refuses a payload of %d bytes", (length) => {
    const bytes = crafted([{ type: 43 }]);
    bytes[31] = length;
    expect(() => decodeMessage(bytes)).toThrow(coded("length"));
  });

  it("refuses a payload that is longer than the message, or announced and not there", () => {
    const bytes = crafted([{ type: 43 }]);
    bytes[31] = 5;
    expect(() => decodeMessage(bytes)).toThrow(coded("truncated"));
    const next = crafted([{ type: 43 }]);
    next[28] = 43;
    expect(() => decodeMessage(next)).toThrow(coded("truncated"));
  });

  it(`holds at most ${MAX_PAYLOADS} payloads`, () => {
    const many = (length: number) => crafted(Array.from({ length }, () => ({ type: 43 })));
    expect(decodeMessage(many(MAX_PAYLOADS)).payloads).toHaveLength(MAX_PAYLOADS);
    expect(() => decodeMessage(many(MAX_PAYLOADS + 1))).toThrow(coded("limit"));
  });
});

describe("an Encrypted payload", () => {
  it("is the last of its message", () => {
    const sealed = sealMessage({ header: fields, payloads: [notifyOf(7)] }, sealer());
    const longer = Buffer.concat([sealed, hex("00000004")]);
    longer.writeUInt32BE(longer.length, 24);
    expect(() => decodeMessage(longer)).toThrow(coded("length"));
  });

  it("does not verify when a bit of the message changed, wherever", () => {
    const sealed = sealMessage({ header: fields, payloads: [notifyOf(7)] }, sealer());
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i] ^= 1;
      // Type, version and lengths fail before the tag is looked at.
      expect(() => openMessage(changed, decodeMessage(changed), opener()), `byte ${i}`).toThrow(
        expect.objectContaining({ name: "WireError" }),
      );
    }
    for (const i of [0, 15, 18, 20, 23, 28, 32, sealed.length - 1]) {
      const changed = sealed.slice();
      changed[i] ^= 0x40;
      expect(() => openMessage(changed, decodeMessage(changed), opener()), `byte ${i}`).toThrow(coded("integrity"));
    }
  });

  it("may be empty, as it is when one asks whether the peer is alive", () => {
    const bytes = sealMessage({ header: fields, payloads: [] }, sealer());
    expect(bytes).toHaveLength(28 + 4 + 8 + 1 + 16);
    expect(openMessage(bytes, decodeMessage(bytes), opener()).payloads).toEqual([]);
  });

  it("may be padded", () => {
    expect(openRaw(43, hex("00000005 aa  99999999 04")).payloads).toEqual([{ kind: "vendor", data: hex("aa") }]);
    expect(openRaw(0, hex(`${"00".repeat(255)} ff`)).payloads).toEqual([]);
  });

  it.each([
    ["more padding than content", 0, "0102 03", "length"],
    ["padding that would end before the content begins", 43, "00000004 05", "length"],
    ["no pad length", 0, "", "truncated"],
    ["a payload longer than the content", 43, "00000006 aa 00", "truncated"],
    ["bytes behind the last payload", 43, "00000004 aa 00", "length"],
    ["an Encrypted payload", 46, "00000004 00", "order"],
    ["an Encrypted Fragment payload", 53, "00000004 00", "order"],
  ])("refuses %s inside, although it is authentic", (_, first, plain, code) => {
    expect(() => openRaw(first, hex(plain))).toThrow(coded(code));
  });

  it("is missed when it is not there", () => {
    const bytes = encodeMessage({ header: fields, payloads: [notifyOf(7)] });
    expect(() => openMessage(bytes, decodeMessage(bytes), opener())).toThrow(coded("order"));
  });
});

it("does not write a message that UDP could not carry", () => {
  const vendor = (length: number): Payload[] => [{ kind: "vendor", data: new Uint8Array(length) }];
  expect(encodeMessage({ header: fields, payloads: vendor(65_535 - 32) })).toHaveLength(65_535);
  expect(() => encodeMessage({ header: fields, payloads: vendor(65_535 - 31) })).toThrow(coded("too-long"));
  const most = 65_535 - 28 - 4 - 8 - 4 - 1 - 16;
  const longest = sealMessage({ header: fields, payloads: vendor(most) }, sealer());
  expect(longest).toHaveLength(65_535);
  expect(payloadOf(openMessage(longest, decodeMessage(longest), opener()).payloads, "vendor")?.data).toHaveLength(most);
  expect(() => sealMessage({ header: fields, payloads: vendor(most + 1) }, sealer())).toThrow(coded("too-long"));
});

it("finds payloads by kind, and those that may come once only once", () => {
  const nonce: Payload = { kind: "nonce", data: new Uint8Array(16) };
  const payloads = [notifyOf(1), nonce, notifyOf(2)];
  expect(payloadsOf(payloads, "notify").map((payload) => payload.notify)).toEqual([1, 2]);
  expect(payloadOf(payloads, "nonce")).toBe(nonce);
  expect(payloadOf(payloads, "ke")).toBeUndefined();
  expect(() => payloadOf([nonce, nonce], "nonce")).toThrow(coded("order"));
});
