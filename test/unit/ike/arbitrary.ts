import fc from "fast-check";
import type { TrafficSelector } from "../../../src/ike/effect.ts";
import type { Payload } from "../../../src/ike/wire/chain.ts";
import type { HeaderFields } from "../../../src/ike/wire/header.ts";
import type { Attribute, Proposal, Transform } from "../../../src/ike/wire/sa.ts";

/** Values of every payload that can be written, for round trips and as the ground that bits are flipped in. */

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

export const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });

export const header: fc.Arbitrary<HeaderFields> = fc.record({
  spiI: u64,
  spiR: u64,
  exchange: u8,
  initiator: fc.boolean(),
  response: fc.boolean(),
  messageId: u32,
});

const attribute: fc.Arbitrary<Attribute> = fc.record({
  type: fc.integer({ min: 0, max: 0x7fff }),
  value: fc.oneof(u16, bytes(0, 20)),
});

const transform: fc.Arbitrary<Transform> = fc.oneof(
  fc.record({ type: u8, id: u16, attributes: fc.array(attribute, { maxLength: 8 }) }),
  fc.constantFrom<Transform>(
    { type: 1, id: 20, attributes: [{ type: 14, value: 128 }] },
    { type: 1, id: 28, attributes: [] },
    { type: 4, id: 31, attributes: [] },
    { type: 5, id: 0, attributes: [] },
    { type: 5, id: 1, attributes: [] },
  ),
);

export const proposal: fc.Arbitrary<Proposal> = fc.record({
  number: u8,
  protocol: fc.oneof(fc.constant(3), u8),
  spi: fc.oneof(bytes(4, 4), bytes(0, 8)),
  transforms: fc.array(transform, { maxLength: 10 }),
});

function less(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) <= 0;
}

export const selector: fc.Arbitrary<TrafficSelector> = fc.constantFrom(4, 16).chain((size) =>
  fc
    .tuple(u8, fc.oneof(fc.tuple(u16, u16), fc.constant([65_535, 0])), bytes(size, size), bytes(size, size))
    .map(([protocol, [p, q], a, b]) => {
      const opaque = p === 65_535 && q === 0;
      return {
        protocol,
        portLow: opaque ? p : Math.min(p, q),
        portHigh: opaque ? q : Math.max(p, q),
        low: less(a, b) ? a : b,
        high: less(a, b) ? b : a,
      };
    }),
);

const id = fc.record({ kind: fc.constantFrom("idi", "idr"), idType: u8, data: bytes(0, 60) });

/** One arbitrary per kind of payload. */
export const kinds = {
  sa: fc.record({ kind: fc.constant("sa"), proposals: fc.array(proposal, { minLength: 1, maxLength: 6 }) }),
  ke: fc.record({ kind: fc.constant("ke"), group: u16, data: bytes(0, 100) }),
  id: fc.oneof(
    id,
    fc.tuple(id, fc.integer({ min: 1, max: 0xff_ffff })).map(([plain, reserved]) => ({ ...plain, reserved })),
  ),
  cert: fc.record({ kind: fc.constant("cert"), encoding: u8, data: bytes(0, 100) }),
  certreq: fc.oneof(
    fc.record({
      kind: fc.constant("certreq"),
      encoding: fc.constant(4),
      authorities: fc.array(bytes(20, 20), { maxLength: 10 }),
    }),
    fc.record({
      kind: fc.constant("certreq"),
      encoding: fc.integer({ min: 5, max: 255 }),
      authorities: fc.array(bytes(1, 60), { maxLength: 1 }),
    }),
  ),
  auth: fc.record({ kind: fc.constant("auth"), method: u8, data: bytes(0, 100) }),
  nonce: fc.record({ kind: fc.constant("nonce"), data: bytes(16, 256) }),
  notify: fc.record({ kind: fc.constant("notify"), protocol: u8, spi: bytes(0, 255), notify: u16, data: bytes(0, 60) }),
  delete: fc.oneof(
    fc.record({ kind: fc.constant("delete"), protocol: fc.constantFrom(2, 3), spis: fc.array(u32, { maxLength: 40 }) }),
    fc.constant({ kind: "delete", protocol: 1, spis: [] }),
  ),
  vendor: fc.record({ kind: fc.constant("vendor"), data: bytes(0, 60) }),
  ts: fc.record({
    kind: fc.constantFrom("tsi", "tsr"),
    selectors: fc.array(selector, { minLength: 1, maxLength: 20 }),
  }),
  opaque: fc.record({ kind: fc.constant("opaque"), type: fc.constantFrom(47, 48), body: bytes(0, 100) }),
} as unknown as Readonly<Record<string, fc.Arbitrary<Payload>>>;

export const payload: fc.Arbitrary<Payload> = fc.oneof(...Object.values(kinds));

export const payloads = fc.array(payload, { maxLength: 8 });
