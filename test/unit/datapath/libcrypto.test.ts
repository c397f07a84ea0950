/** Engines by libcrypto: its contexts, and what becomes of packets when it fails. */
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import * as L from "../../../assembly/layout.ts";
import { arenaOf, makeMemory } from "../../../src/datapath/memory.ts";
import { NativeEngine } from "../../../src/datapath/native.ts";
import type { Libcrypto } from "../../../src/linux/ffi.ts";
import { ALL_NATIVE, crypto, guarded, NAMES, reference, rig } from "./enginerig.ts";

test.each([
  ["has no memory for a context", { newContext: () => 0 }],
  ["cannot take a key", { init: () => 0 }],
  ["takes no additional data", { update: () => 0 }],
] as const)("a libcrypto that %s leaves the packet to WASM", (_, fault) => {
  const { addSa, packet, seal, open } = rig(ALL_NATIVE, { ...crypto, ...fault });
  const sas = NAMES.map((cipher) => addSa(cipher));
  const packets = Array.from({ length: 12 }, (_, i) => packet(sas[i % 3], 100 + i));
  const expected = packets.map(reference);
  expect(seal(packets)).toEqual(expected.map(guarded));
  expect(open(packets, expected)).toEqual(packets.map(({ text }) => ({ ok: 1, text: Buffer.from(text) })));
});

test("a libcrypto that fails half-way lets nothing out in clear and verifies nothing", () => {
  const { addSa, packet, seal, open } = rig(ALL_NATIVE, { ...crypto, final: () => 0 });
  const sa = addSa("aes128gcm16");
  const packets = [packet(sa, 100)];
  expect(seal(packets)).toEqual([guarded(Buffer.alloc(116))]);
  expect(open(packets, packets.map(reference))[0].ok).toBe(0);
});

describe("contexts of libcrypto", () => {
  /** Counts what is made and freed. */
  function counted() {
    const living = new Set<number>();
    const library: Libcrypto = {
      ...crypto,
      newContext: () => {
        const context = crypto.newContext();
        living.add(context);
        return context;
      },
      freeContext: (context) => {
        expect(living.delete(context)).toBe(true);
        crypto.freeContext(context);
      },
    };
    return { living, library };
  }

  test("are made at the first packet, kept, and freed when the SA has ended", () => {
    const { living, library } = counted();
    const { addSa, packet, seal, slots, sweep, close } = rig(ALL_NATIVE, library);
    const sas = Array.from({ length: 5 }, () => addSa("aes256gcm16"));
    expect(living.size).toBe(0);
    for (let round = 0; round < 3; round++) {
      seal(sas.map((sa) => packet(sa, 64)));
      sweep();
      expect(living.size).toBe(5);
    }
    slots.remove(sas[1].slot);
    slots.remove(sas[3].slot);
    sweep();
    expect(living.size).toBe(3);
    close();
    expect(living.size).toBe(0);
  });

  test("of an SA that ended before its last packet go with the next batch", () => {
    const { living, library } = counted();
    const { addSa, packet, seal, slots, sweep, memory, epochs } = rig(ALL_NATIVE, library);
    // The worker is in a batch: the slot's key stays until it is over.
    Atomics.store(memory.words, (arenaOf(memory.regions, 0) + L.W_EPOCH) >>> 2, 1);
    const sa = addSa("aes128gcm16");
    const packets = [packet(sa, 64)];
    sweep();
    slots.remove(sa.slot);
    sweep();
    expect(seal(packets)).toEqual(packets.map(reference).map(guarded));
    expect(living.size).toBe(1);
    sweep();
    expect(living.size).toBe(0);
    epochs.drain();
  });

  test("that cannot be made are not leaked", () => {
    const { living, library } = counted();
    const { addSa, packet, seal } = rig(ALL_NATIVE, { ...library, init: () => 0 });
    seal([packet(addSa("aes128gcm16"), 64)]);
    expect(living.size).toBe(0);
  });

  test("a removed SA leaves no key in its slot, the raw one neither", () => {
    const { memory, slots, addSa, epochs } = rig(ALL_NATIVE);
    const key = randomBytes(32);
    const sa = addSa("aes256gcm16", key);
    const slot = () => Buffer.from(memory.bytes.subarray(sa.sa, sa.sa + L.SA_STRIDE));
    expect(slot().subarray(L.SA_RAW_KEY, L.SA_RAW_KEY + 32)).toEqual(key);
    slots.remove(sa.slot);
    epochs.reclaim();
    expect(slot().every((byte) => byte === 0)).toBe(true);
  });
});
test("an engine holds nothing before its first packet", () => {
  const memory = makeMemory({ workers: 1, sas: 2, adjacencies: 3, fib: 65536 });
  const native = new NativeEngine(memory, crypto);
  native.sweep();
  expect(native.held).toBe(0);
});
