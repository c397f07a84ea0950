import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { CIPHERS } from "../../../src/datapath/sa.ts";
import { KNOWN } from "../../../src/datapath/trial.ts";
import type { Libcrypto } from "../../../src/linux/ffi.ts";
import { ALL_NATIVE, ALL_WASM, crypto, guarded, NAMES, reference, rig } from "./enginerig.ts";

const LENGTHS = [0, 1, 15, 16, 17, 63, 64, 255, 256, 257, 1024, 1400, 9000, 65535];

test("the known answers are noble's too", () => {
  const count = (from: number, length: number) => Uint8Array.from({ length }, (_, i) => (from + i) & 255);
  for (const cipher of NAMES) {
    const key = count(0, CIPHERS[cipher].keyBytes);
    const sealed = reference({ cipher, key, sa: 0, text: count(0, 301), nonce: count(0x40, 12), aad: count(0x50, 12) });
    expect(sealed.subarray(301).toString("hex")).toBe(KNOWN[cipher]);
  }
});

describe.each([
  ["wasm alone", ALL_WASM],
  ["native alone", ALL_NATIVE],
  ["AES native", { ...ALL_NATIVE, chacha20poly1305: "wasm" }],
  ["ChaCha20 native", { ...ALL_WASM, chacha20poly1305: "native" }],
] as const)("%s", (_, engines) => {
  test.each(NAMES)("%s: sealed as noble seals, opened again, nothing beside it written", (cipher) => {
    const { addSa, packet, seal, open, close } = rig(engines);
    const sa = addSa(cipher);
    const packets = LENGTHS.map((length) => packet(sa, length));
    const expected = packets.map(reference);
    expect(seal(packets)).toEqual(expected.map(guarded));
    expect(open(packets, expected)).toEqual(packets.map(({ text }) => ({ ok: 1, text: Buffer.from(text) })));
    close();
  });

  test("all ciphers and many SAs, mixed in one op vector", () => {
    const { addSa, packet, seal, open, close } = rig(engines);
    const sas = Array.from({ length: 30 }, (_, index) => addSa(NAMES[index % 3]));
    for (let round = 0; round < 10; round++) {
      const packets = Array.from({ length: 100 }, () => packet(sas[randomInt(30)], randomInt(600)));
      const expected = packets.map(reference);
      expect(seal(packets)).toEqual(expected.map(guarded));
      expect(open(packets, expected).every(({ ok, text }, i) => ok === 1 && text.equals(packets[i].text))).toBe(true);
    }
    close();
  });

  test.each(NAMES)("%s: what was changed is refused, its neighbours are not", (cipher) => {
    const { addSa, packet, open, close } = rig(engines);
    const sa = addSa(cipher);
    const other = addSa(cipher);
    const packets = [200, 201, 202, 203, 204, 205].map((length) => packet(sa, length));
    const sealed = packets.map(reference);
    sealed[0][randomInt(200)] ^= 1 << randomInt(8);
    sealed[1][201 + randomInt(16)] ^= 1 << randomInt(8);
    packets[2].aad[randomInt(8)] ^= 1 << randomInt(8);
    packets[3].nonce[randomInt(12)] ^= 1 << randomInt(8);
    packets[4] = { ...packets[4], sa: other.sa };
    expect(open(packets, sealed).map(({ ok }) => ok)).toEqual([0, 0, 0, 0, 0, 1]);
    close();
  });

  test("a slot that is used again seals with its new key, of another cipher even", () => {
    const { addSa, packet, seal, slots, sweep, epochs, close, memory } = rig(engines);
    // All slots but one are taken, so that the last is met again and again.
    for (let i = 1; i < memory.regions.sas.count; i++) addSa("aes128gcm16");
    let before: number | undefined;
    for (let round = 0; round < 9; round++) {
      const sa = addSa(NAMES[round % 4 === 3 ? 0 : round % 3]);
      before ??= sa.slot;
      expect(sa.slot).toBe(before);
      const packets = [packet(sa, 100), packet(sa, 1000)];
      expect(seal(packets)).toEqual(packets.map(reference).map(guarded));
      slots.remove(sa.slot);
      epochs.reclaim();
      // With and without a sweep between the two.
      if (round % 2 === 0) sweep();
    }
    close();
  });
});
describe("short texts stay with WASM", () => {
  const from = { chacha20poly1305: 100, aes128gcm16: 256, aes256gcm16: 300 };

  test("and both engines' ops of one batch are right, sealed and opened", () => {
    const { addSa, packet, seal, open, close } = rig(ALL_NATIVE, crypto, from);
    const sas = Array.from({ length: 9 }, (_, index) => addSa(NAMES[index % 3]));
    for (let round = 0; round < 10; round++) {
      const packets = Array.from({ length: 100 }, () => packet(sas[randomInt(9)], randomInt(600)));
      const expected = packets.map(reference);
      expect(seal(packets)).toEqual(expected.map(guarded));
      expect(open(packets, expected).every(({ ok, text }, i) => ok === 1 && text.equals(packets[i].text))).toBe(true);
    }
    close();
  });

  test("up to the very byte", () => {
    let calls = 0;
    const counted: Libcrypto = {
      ...crypto,
      final: (...all) => {
        calls++;
        return crypto.final(...all);
      },
    };
    const { addSa, packet, seal, open, close } = rig(ALL_NATIVE, counted, from);
    for (const cipher of NAMES) {
      const sa = addSa(cipher);
      const packets = [-1, 0, 1, -50, 500].map((more) => packet(sa, from[cipher] + more));
      const expected = packets.map(reference);
      calls = 0;
      expect(seal(packets)).toEqual(expected.map(guarded));
      expect(calls).toBe(3);
      expect(open(packets, expected).every(({ ok }) => ok === 1)).toBe(true);
      expect(calls).toBe(6);
    }
    close();
  });
});

test("an engine that is asked for but not here: WASM does it", () => {
  const { addSa, packet, seal } = rig(ALL_NATIVE, null);
  const packets = NAMES.map((cipher) => packet(addSa(cipher), 500));
  expect(seal(packets)).toEqual(packets.map(reference).map(guarded));
});
