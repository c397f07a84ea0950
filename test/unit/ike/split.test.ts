import fc from "fast-check";
import { expect, it } from "vitest";
import { SkOpener, SkSealer } from "../../../src/ike/suite/protect.ts";
import { ENCRYPTIONS } from "../../../src/ike/suite/transform.ts";
import type { Payload } from "../../../src/ike/wire/chain.ts";
import { decodeMessage } from "../../../src/ike/wire/message.ts";
import { joinFragments, openFragment, sealFragments } from "../../../src/ike/wire/split.ts";
import * as arbitrary from "./arbitrary.ts";
import { hex, toHex } from "./vectors.ts";

const coded = (code: string) => expect.objectContaining({ name: "WireError", code });
const key = { key: new Uint8Array(32).fill(1), salt: hex("01020304") };
const cipher = ENCRYPTIONS.aes256gcm16;
const opener = new SkOpener(cipher, key);
const fields = { spiI: 1n, spiR: 2n, exchange: 35, initiator: true, response: false, messageId: 1 };
const big: Payload[] = [
  { kind: "cert", encoding: 5, data: new Uint8Array(2999).fill(5) },
  { kind: "nonce", data: new Uint8Array(32) },
];

it("splits a message into datagrams no larger than asked and puts them together again", () => {
  const sealer = new SkSealer(cipher, key);
  fc.assert(
    fc.property(arbitrary.header, arbitrary.payloads, fc.integer({ min: 200, max: 1300 }), (header, payloads, size) => {
      const datagrams = sealFragments({ header, payloads }, sealer, size);
      const messages = datagrams.map(decodeMessage);
      const fragments = datagrams.map((bytes, i) => openFragment(bytes, messages[i], opener));
      expect(Math.max(...datagrams.map((bytes) => bytes.length))).toBeLessThanOrEqual(size);
      expect(fragments.map((fragment) => fragment.number)).toEqual(datagrams.map((_, i) => i + 1));
      expect(fragments.slice(1).every((fragment) => fragment.first === 0)).toBe(true);
      const joined = joinFragments(messages[0], fragments);
      expect(joined.header).toMatchObject(header);
      expect(joined.payloads).toEqual(payloads);
    }),
    { numRuns: 60, interruptAfterTimeLimit: 8000 },
  );
});

it("lays a fragment out as RFC 7383 §2.5 draws it", () => {
  const datagrams = sealFragments({ header: fields, payloads: big }, new SkSealer(cipher, key), 1200);
  expect(datagrams.map((bytes) => toHex(bytes.subarray(16, 36)))).toEqual([
    "35202308 00000001 000004b0 25000494 00010003".replaceAll(" ", ""),
    "35202308 00000001 000004b0 00000494 00020003".replaceAll(" ", ""),
    `35202308 00000001 ${(datagrams[2].length + 0x1_0000_0000).toString(16).slice(1)} 0000${(
      datagrams[2].length -
      28 +
      0x1_0000
    )
      .toString(16)
      .slice(1)} 00030003`.replaceAll(" ", ""),
  ]);
});

it("does not verify when a bit changed, number and total included", () => {
  const [bytes] = sealFragments({ header: fields, payloads: big }, new SkSealer(cipher, key), 600);
  for (let i = 0; i < bytes.length; i++) {
    const changed = bytes.slice();
    changed[i] ^= 1;
    expect(() => openFragment(changed, decodeMessage(changed), opener), `byte ${i}`).toThrow(
      expect.objectContaining({ name: "WireError" }),
    );
  }
  const total = bytes.slice();
  total[35] += 1;
  expect(() => openFragment(total, decodeMessage(total), opener)).toThrow(coded("integrity"));
});

it.each([
  ["number 0", "0000 0001", "value"],
  ["total 0", "0000 0000", "value"],
  ["a number beyond the total", "0003 0002", "value"],
  ["more fragments than we gather", "0001 0041", "limit"],
  ["a first payload in fragment 2", "0002 0003", "value"],
  ["half a fragment header", "0001", "truncated"],
])("refuses %s", (_, body, code) => {
  const head = hex("0000000000000001 0000000000000002 35202308 00000001 00000000");
  const rest = hex(`25 00 ${(4 + hex(body).length).toString(16).padStart(4, "0")} ${body}`);
  const bytes = Buffer.concat([head, rest]);
  bytes.writeUInt32BE(bytes.length, 24);
  expect(() => decodeMessage(bytes)).toThrow(coded(code));
});

it("joins nothing but a full row", () => {
  const datagrams = sealFragments({ header: fields, payloads: big }, new SkSealer(cipher, key), 1200);
  const messages = datagrams.map(decodeMessage);
  const [a, b, c] = datagrams.map((bytes, i) => openFragment(bytes, messages[i], opener));
  expect(joinFragments(messages[0], [a, b, c]).payloads).toEqual(big);
  for (const row of [[], [a], [a, b], [a, c], [b, a, c], [a, b, b], [a, b, c, c]]) {
    expect(() => joinFragments(messages[0], row)).toThrow(coded("order"));
  }
  const huge = { ...a, total: 1, content: new Uint8Array(65_536) };
  expect(() => joinFragments(messages[0], [huge])).toThrow(coded("limit"));
});

it("does not split into pieces without room, or into too many", () => {
  const message = { header: fields, payloads: big };
  expect(() => sealFragments(message, new SkSealer(cipher, key), 60)).toThrow(coded("too-long"));
  expect(() => sealFragments(message, new SkSealer(cipher, key), 100)).toThrow(coded("too-long"));
});
