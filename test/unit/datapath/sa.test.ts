import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import {
  CIPHER_AES_128_GCM,
  CIPHER_CHACHA20_POLY1305,
  G_SA_REACH,
  SA_ADJ,
  SA_CIPHER,
  SA_FLAGS,
  SA_FREE,
  SA_IN,
  SA_KEY,
  SA_OUT,
  SA_PATH,
  SA_SALT,
  SA_SELECTORS,
  SA_SEQUENCE_LIMIT,
  SA_SPI,
  SA_STATE,
  SA_STRIDE,
  SA_VRF,
} from "../../../assembly/layout.ts";
import type { SaKeys } from "../../../src/datapath/plane.ts";
import { SaSlots } from "../../../src/datapath/sa.ts";
import { beginBatch, goIdle, makeTables } from "./tables.ts";

/** Slots over an expansion that copies the key, so that a test can see where it went. */
function makeSlots(random: (bytes: number) => Uint8Array = randomBytes, workers = 1, sas = 8) {
  const tables = makeTables(workers, sas);
  const rooms: number[] = [];
  const slots = new SaSlots(
    tables.memory,
    tables.pool,
    tables.epochs,
    (sa, key, length) => {
      rooms.push(key);
      tables.memory.bytes.copyWithin(sa + SA_KEY, key, key + length);
    },
    random,
  );
  return { ...tables, slots, rooms };
}

const keys = (spi: number): SaKeys => ({
  spi,
  cipher: "chacha20poly1305",
  key: new Uint8Array(32).fill(0x5a),
  salt: Uint8Array.of(1, 2, 3, 4),
  esn: true,
});
const fields = { path: 1024, selectors: 2048, adjacency: 5, vrf: 6 };

test("SPIs: slot in the low half, random high half, never 0 there, all different, finite", () => {
  const highs = [Uint8Array.of(0, 0), Uint8Array.of(0xab, 0xcd)];
  const { slots } = makeSlots(() => highs.shift() ?? randomBytes(2));
  expect(slots.reserve()).toBe(0xabcd0000);
  const rest = Array.from({ length: 7 }, () => slots.reserve()!);
  expect(rest.map((spi) => spi & 0xffff)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(rest.every((spi) => spi > 0xffff && spi <= 0xffffffff)).toBe(true);
  expect(slots.reserve()).toBeUndefined();
  slots.release(rest[2]);
  expect(() => slots.release(rest[2])).toThrow(expect.objectContaining({ code: "unknown" }));
  expect(slots.reserve()! & 0xffff).toBe(3);
});

test("the fast path is told how far slots were handed out, before the first SPI of them is", () => {
  const { slots, memory } = makeSlots(randomBytes, 2);
  const reach = () => memory.words[G_SA_REACH >>> 2];
  expect(reach()).toBe(0);
  const spi = slots.reserve(0)!;
  expect(reach()).toBe(1);
  slots.reserve(1);
  expect([slots.reserve(1)! & 0xffff, reach()]).toEqual([3, 4]);
  slots.release(spi);
  expect([slots.reserve(0)! & 0xffff, reach()]).toEqual([2, 4]);
});

test("an SPI's slot says which worker it belongs to, for as long as that one has slots", () => {
  const { slots } = makeSlots(randomBytes, 3);
  const of = (worker: number) => (slots.reserve(worker) ?? -1) & 0xffff;
  // Eight slots: workers 0 and 1 have three, worker 2 has two.
  expect([of(0), of(1), of(2), of(4), of(5), of(2)]).toEqual([0, 1, 2, 4, 5, 0xffff]);
  expect([1, 4, 5].map((slot) => slots.workerOf(slot))).toEqual([1, 1, 2]);
  // Outbound SAs take from whom has the most left: worker 0.
  const key = {
    spi: 0x11223344,
    cipher: "aes128gcm16" as const,
    key: new Uint8Array(16),
    salt: new Uint8Array(4),
    esn: false,
  };
  expect(slots.addOutbound(key, fields)).toBe(3);
  expect([of(0), of(1), of(0)]).toEqual([6, 7, 0xffff]);
});

test("ten thousand tunnels with four workers have their Child SA each, and copies as long as there is room for all", () => {
  const { slots } = makeSlots(randomBytes, 4, 65_536);
  let copies = 0;
  for (let tunnel = 0; tunnel < 10_000; tunnel++) {
    // What a Child SA takes: a slot in, a slot out.
    expect([slots.reserve(tunnel), slots.reserve(tunnel)]).not.toContain(undefined);
    for (let copy = 1; copy < 4; copy++) {
      if (slots.reserve(tunnel + copy, true) === undefined) continue;
      expect(slots.reserve(tunnel + copy)).toBeDefined();
      copies++;
    }
  }
  expect(copies).toBeGreaterThan(10_000);
  // All of them may be rekeyed at the same time.
  for (let tunnel = 0; tunnel < 10_000; tunnel++) expect(slots.reserve(tunnel)).toBeDefined();
});

test("an inbound and an outbound SA, field by field; the key's passing place is wiped", () => {
  const { memory, slots, rooms } = makeSlots();
  const { view, bytes } = memory;
  const spi = slots.reserve()!;
  const inbound = slots.addInbound(keys(spi), fields);
  expect(inbound).toBe(spi & 0xffff);
  const at = slots.address(inbound);
  const words = [SA_STATE, SA_SPI, SA_CIPHER, SA_FLAGS, SA_PATH, SA_ADJ, SA_VRF, SA_SELECTORS];
  expect(words.map((field) => view.getUint32(at + field, true))).toEqual([
    SA_IN,
    spi,
    CIPHER_CHACHA20_POLY1305,
    1,
    1024,
    5,
    6,
    2048,
  ]);
  expect([...bytes.subarray(at + SA_SALT, at + SA_SALT + 4)]).toEqual([1, 2, 3, 4]);
  expect(bytes.subarray(at + SA_KEY, at + SA_KEY + 32).every((byte) => byte === 0x5a)).toBe(true);
  expect(bytes.subarray(rooms[0], rooms[0] + 64).every((byte) => byte === 0)).toBe(true);
  expect(view.getBigUint64(at + SA_SEQUENCE_LIMIT, true)).toBe(2n ** 63n - 1n);
  const outbound = slots.addOutbound(
    { ...keys(0x11223344), cipher: "aes128gcm16", key: new Uint8Array(16), esn: false },
    fields,
  );
  const out = slots.address(outbound);
  expect(view.getUint32(out + SA_STATE, true)).toBe(SA_OUT);
  expect(view.getUint32(out + SA_CIPHER, true)).toBe(CIPHER_AES_128_GCM);
  expect(view.getBigUint64(out + SA_SEQUENCE_LIMIT, true)).toBe(0xffffffffn);
  expect(slots.traffic(outbound)).toEqual({ packets: 0, bytes: 0, last: 0, sequence: 0n, replayed: 0, forged: 0 });
});

test("an SPI makes one SA only, and only if it was reserved", () => {
  const { slots } = makeSlots();
  const spi = slots.reserve()!;
  expect(() => slots.addInbound(keys((spi ^ 0x10000) >>> 0), fields)).toThrow(/was not reserved/);
  slots.addInbound(keys(spi), fields);
  expect(() => slots.addInbound(keys(spi), fields)).toThrow(/was not reserved/);
  expect(() => slots.release(spi)).toThrow(/was not reserved/);
});

test("keys that do not fit the cipher are refused and cost no slot", () => {
  const { slots } = makeSlots();
  for (let i = 0; i < 20; i++) {
    expect(() => slots.addOutbound({ ...keys(1000), key: new Uint8Array(31) }, fields)).toThrow(
      expect.objectContaining({ code: "invalid" }),
    );
  }
  expect(slots.used).toBe(0);
});

test("a removed SA stops at once, and is wiped and free only when the epoch has passed", () => {
  const { memory, epochs, slots } = makeSlots();
  const all = Array.from({ length: 8 }, () => slots.addOutbound(keys(1000), fields));
  beginBatch(memory, 0);
  const at = slots.address(all[3]);
  slots.remove(all[3]);
  expect(memory.view.getUint32(at + SA_STATE, true)).toBe(SA_FREE);
  expect(memory.bytes[at + SA_KEY]).toBe(0x5a);
  expect(slots.reserve()).toBeUndefined();
  goIdle(memory, 0);
  expect(epochs.reclaim()).toBe(0);
  expect(memory.bytes.subarray(at, at + SA_STRIDE).every((byte) => byte === 0)).toBe(true);
  expect(slots.reserve()! & 0xffff).toBe(all[3]);
});

test("closing overwrites every key", () => {
  const { memory, slots } = makeSlots();
  for (let i = 0; i < 3; i++) slots.addOutbound(keys(1000), fields);
  slots.wipe();
  const { base } = memory.regions.sas;
  expect(memory.bytes.subarray(base, base + 8 * SA_STRIDE).every((byte) => byte === 0)).toBe(true);
});

test("slots go round: thousands of SAs come and go, none is lost", () => {
  const { slots } = makeSlots();
  for (let i = 0; i < 5000; i++) slots.remove(slots.addOutbound(keys(1000), fields));
  expect(Array.from({ length: 8 }, () => slots.reserve()).every((spi) => spi !== undefined)).toBe(true);
  expect(slots.reserve()).toBeUndefined();
});
