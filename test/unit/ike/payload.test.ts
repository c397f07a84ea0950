import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_PAYLOADS, type Payload, typeOf } from "../../../src/ike/wire/chain.ts";
import { EXCHANGE, NOTIFY, nameOf, PAYLOAD } from "../../../src/ike/wire/iana.ts";
import { idBody } from "../../../src/ike/wire/id.ts";
import { decodeContent, encodeContent } from "../../../src/ike/wire/message.ts";
import { MAX_PROPOSALS } from "../../../src/ike/wire/sa.ts";
import { kinds } from "./arbitrary.ts";
import { hex, toHex } from "./vectors.ts";

const header = (length: number, next = 0) => Uint8Array.of(next, 0, length >>> 8, length);

/** One payload of a type with a body given in hexadecimal. */
function parse(type: number, body: string): Payload {
  const bytes = hex(body);
  const chain = decodeContent(Buffer.concat([header(4 + bytes.length), bytes]), type);
  expect(chain.payloads).toHaveLength(1);
  return chain.payloads[0];
}

const coded = (code: string) => expect.objectContaining({ name: "WireError", code });

describe.each(Object.entries(kinds))("%s payloads", (_, arbitrary) => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(arbitrary, (payload) => {
        const content = encodeContent([payload]);
        expect((content[2] << 8) | content[3]).toBe(content.length);
        const { payloads, unknownCritical, wrapper } = decodeContent(content, typeOf(payload));
        expect(payloads).toEqual([payload]);
        expect([unknownCritical, wrapper]).toEqual([[], undefined]);
        expect(toHex(encodeContent(payloads))).toBe(toHex(content));
      }),
      { numRuns: 200, interruptAfterTimeLimit: 5000 },
    );
  });
});

it("reads the fields where RFC 7296 puts them", () => {
  expect(parse(PAYLOAD.KE, "0013 0000 aabb")).toEqual({ kind: "ke", group: 19, data: hex("aabb") });
  expect(parse(PAYLOAD.IDi, "02 000000 6777")).toEqual({ kind: "idi", idType: 2, data: hex("6777") });
  expect(parse(PAYLOAD.IDr, "01 000000 c6336401")).toEqual({ kind: "idr", idType: 1, data: hex("c6336401") });
  expect(parse(PAYLOAD.CERT, "04 3003")).toEqual({ kind: "cert", encoding: 4, data: hex("3003") });
  const hashes = ["11".repeat(20), "22".repeat(20)];
  expect(parse(PAYLOAD.CERTREQ, `04 ${hashes.join("")}`)).toEqual({
    kind: "certreq",
    encoding: 4,
    authorities: hashes.map(hex),
  });
  expect(parse(PAYLOAD.CERTREQ, "04")).toEqual({ kind: "certreq", encoding: 4, authorities: [] });
  // A URL's hash, which we do not use, may be of any length.
  expect(parse(PAYLOAD.CERTREQ, "0d aabb")).toEqual({ kind: "certreq", encoding: 13, authorities: [hex("aabb")] });
  expect(parse(PAYLOAD.AUTH, "02 000000 ff")).toEqual({ kind: "auth", method: 2, data: hex("ff") });
  expect(parse(PAYLOAD.NOTIFY, "03 04 4009 01020304 99")).toEqual({
    kind: "notify",
    protocol: 3,
    spi: hex("01020304"),
    notify: NOTIFY.REKEY_SA,
    data: hex("99"),
  });
  expect(parse(PAYLOAD.DELETE, "03 04 0002 00000001 fffffffe")).toEqual({
    kind: "delete",
    protocol: 3,
    spis: [1, 0xfffffffe],
  });
  expect(parse(PAYLOAD.DELETE, "01 00 0000")).toEqual({ kind: "delete", protocol: 1, spis: [] });
  expect(parse(PAYLOAD.TSr, "01 000000  07 11 0010 0035 0036 0a000000 0a0000ff")).toEqual({
    kind: "tsr",
    selectors: [{ protocol: 17, portLow: 53, portHigh: 54, low: hex("0a000000"), high: hex("0a0000ff") }],
  });
  expect(
    parse(
      PAYLOAD.SA,
      "02 00 0014 01 01 00 01 00 00 000c 01 00 0014 800e 0080   00 00 0014 02 03 04 01 0a0b0c0d 00 00 0008 05 00 0001",
    ),
  ).toEqual({
    kind: "sa",
    proposals: [
      {
        number: 1,
        protocol: 1,
        spi: hex(""),
        transforms: [{ type: 1, id: 20, attributes: [{ type: 14, value: 128 }] }],
      },
      { number: 2, protocol: 3, spi: hex("0a0b0c0d"), transforms: [{ type: 5, id: 1, attributes: [] }] },
    ],
  });
});

it("keeps the reserved bytes of an identity for AUTH", () => {
  const payload = parse(PAYLOAD.IDi, "02 010203 6777");
  expect(payload).toMatchObject({ reserved: 0x010203 });
  expect(payload.kind === "idi" && toHex(idBody(payload))).toBe("020102036777");
});

it("leaves traffic selectors of unknown types out", () => {
  const payload = parse(PAYLOAD.TSi, "02 000000  09 00 000c 0102030405060708  07 00 0010 0000 ffff 00000000 ffffffff");
  expect(payload.kind === "tsi" && payload.selectors).toHaveLength(1);
});

it.each([
  ["a nonce of 15 bytes", PAYLOAD.NONCE, "00".repeat(15), "value"],
  ["a nonce of 257 bytes", PAYLOAD.NONCE, "00".repeat(257), "value"],
  ["half a group", PAYLOAD.KE, "00", "truncated"],
  ["an identity without reserved bytes", PAYLOAD.IDi, "02 00", "truncated"],
  ["a certificate without encoding", PAYLOAD.CERT, "", "truncated"],
  ["a certificate request without encoding", PAYLOAD.CERTREQ, "", "truncated"],
  ["a certificate request for 1.05 authorities", PAYLOAD.CERTREQ, `04 ${"00".repeat(21)}`, "length"],
  ["a notify whose SPI is missing", PAYLOAD.NOTIFY, "03 04 4009 0102", "truncated"],
  ["a delete with a missing SPI", PAYLOAD.DELETE, "03 04 0002 00000001", "truncated"],
  ["a delete with bytes behind its SPIs", PAYLOAD.DELETE, "03 04 0001 00000001 00", "length"],
  ["a delete with SPIs of 8 bytes", PAYLOAD.DELETE, "03 08 0001 0000000100000001", "value"],
  ["a delete of an unknown protocol", PAYLOAD.DELETE, "04 04 0001 00000001", "value"],
  ["a delete of the IKE SA with an SPI", PAYLOAD.DELETE, "01 04 0001 00000001", "value"],
  ["a delete of 1025 SAs", PAYLOAD.DELETE, `03 04 0401 ${"00000001".repeat(1025)}`, "limit"],
  ["no traffic selector", PAYLOAD.TSi, "00 000000", "value"],
  ["a selector less than counted", PAYLOAD.TSi, "02 000000 07 00 0010 0000 ffff 00000000 ffffffff", "truncated"],
  ["a selector more than counted", PAYLOAD.TSi, "01 000000 07 00 0010 0000 ffff 00000000 ffffffff 00", "length"],
  ["an IPv6 selector of IPv4 length", PAYLOAD.TSi, "01 000000 08 00 0010 0000 ffff 00000000 ffffffff", "truncated"],
  ["an IPv4 selector of IPv6 length", PAYLOAD.TSi, `01 000000 07 00 0028 0000 ffff ${"00".repeat(32)}`, "length"],
  ["a selector of 7 bytes", PAYLOAD.TSi, "01 000000 07 00 0007 000000", "length"],
  ["a selector that ends before it begins", PAYLOAD.TSi, "01 000000 07 00 0010 0000 ffff 0a000001 0a000000", "value"],
  ["ports that are no range", PAYLOAD.TSi, "01 000000 07 06 0010 0002 0001 00000000 ffffffff", "value"],
  ["no proposal", PAYLOAD.SA, "", "truncated"],
  ["a proposal of 7 bytes", PAYLOAD.SA, "00 00 0007 01 01 00", "length"],
  ["a proposal that says more and is the last", PAYLOAD.SA, "02 00 0008 01 01 00 00", "truncated"],
  ["a proposal behind the last", PAYLOAD.SA, "00 00 0008 01 01 00 00  00 00 0008 01 01 00 00", "length"],
  ["a proposal marked 1", PAYLOAD.SA, "01 00 0008 01 01 00 00", "value"],
  [
    "a proposal with fewer transforms than counted",
    PAYLOAD.SA,
    "00 00 0010 01 01 00 02 03 00 0008 01 00 0014",
    "truncated",
  ],
  [
    "a proposal with more transforms than counted",
    PAYLOAD.SA,
    "00 00 0010 01 01 00 00 00 00 0008 01 00 0014",
    "length",
  ],
  ["a last transform that says more", PAYLOAD.SA, "00 00 0010 01 01 00 01 03 00 0008 01 00 0014", "value"],
  ["half an attribute", PAYLOAD.SA, "00 00 0012 01 01 00 01 00 00 000a 01 00 0014 800e", "truncated"],
  [
    "an attribute longer than its transform",
    PAYLOAD.SA,
    "00 00 0014 01 01 00 01 00 00 000c 01 00 0014 000e 0001",
    "truncated",
  ],
  ["9 attributes", PAYLOAD.SA, `00 00 0034 01 01 00 01 00 00 002c 01 00 0014 ${"800e0080".repeat(9)}`, "limit"],
  ["129 transforms", PAYLOAD.SA, "00 00 0008 01 01 00 81", "limit"],
  ["65 proposals", PAYLOAD.SA, "02 00 0008 01 01 00 00".repeat(MAX_PROPOSALS + 1), "limit"],
])("refuses %s", (_, type, body, code) => {
  expect(() => parse(type, body)).toThrow(coded(code));
});

it("refuses to write what it would not read", () => {
  const selectors = Array.from({ length: 256 }, () => ({
    protocol: 0,
    portLow: 0,
    portHigh: 65_535,
    low: hex("00000000"),
    high: hex("ffffffff"),
  }));
  const bad: [Payload, string][] = [
    [{ kind: "nonce", data: hex("00") }, "value"],
    [{ kind: "tsi", selectors: [] }, "limit"],
    [{ kind: "tsi", selectors }, "limit"],
    [{ kind: "tsi", selectors: [{ ...selectors[0], low: hex("00") }] }, "value"],
    [{ kind: "sa", proposals: [] }, "limit"],
    [{ kind: "delete", protocol: 3, spis: Array.from({ length: 1025 }, () => 1) }, "limit"],
    [{ kind: "notify", protocol: 0, spi: new Uint8Array(256), notify: 1, data: hex("") }, "too-long"],
    [{ kind: "vendor", data: new Uint8Array(65_532) }, "too-long"],
  ];
  for (const [payload, code] of bad) expect(() => encodeContent([payload])).toThrow(coded(code));
  const many = Array.from({ length: MAX_PAYLOADS + 1 }, (): Payload => ({ kind: "vendor", data: hex("") }));
  expect(() => encodeContent(many)).toThrow(coded("limit"));
});

it("names numbers for logs, and shows those without a name", () => {
  expect(nameOf(EXCHANGE, 35)).toBe("IKE_AUTH");
  expect(nameOf(NOTIFY, 14)).toBe("NO_PROPOSAL_CHOSEN");
  expect(nameOf(NOTIFY, 40_000)).toBe("40000");
});
