import { randomBytes, randomInt } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { describe, expect, test } from "vitest";
import * as L from "../../../assembly/layout.ts";
import { type Engines, FROM_ALL, type NativeFrom, withEngines } from "../../../src/datapath/engine.ts";
import { Epochs } from "../../../src/datapath/epoch.ts";
import { arenaOf, makeMemory } from "../../../src/datapath/memory.ts";
import { instantiate, loadModule } from "../../../src/datapath/module.ts";
import { NativeEngine } from "../../../src/datapath/native.ts";
import type { Cipher } from "../../../src/datapath/plane.ts";
import { Pool } from "../../../src/datapath/pool.ts";
import { CIPHERS, SaSlots } from "../../../src/datapath/sa.ts";
import { KNOWN } from "../../../src/datapath/trial.ts";
import { type Libcrypto, libcrypto } from "../../../src/linux/ffi.ts";

const NAMES = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"] as const;
const ALL_WASM: Engines = { chacha20poly1305: "wasm", aes128gcm16: "wasm", aes256gcm16: "wasm" };
const ALL_NATIVE: Engines = { chacha20poly1305: "native", aes128gcm16: "native", aes256gcm16: "native" };
const crypto = libcrypto()!;
const module = loadModule();

interface Packet {
  readonly cipher: Cipher;
  readonly key: Uint8Array;
  readonly sa: number;
  readonly text: Uint8Array;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
}

/** The datapath's memory with SA slots, and one worker's engines on it. */
function rig(engines: Engines, library: Libcrypto | null = crypto, from: NativeFrom = FROM_ALL) {
  const memory = makeMemory({ workers: 1, sas: 64, adjacencies: 3, fib: 65536 });
  const { bytes, view, regions } = memory;
  const instance = instantiate(module, memory.memory);
  instance.attach(0);
  const epochs = new Epochs(memory);
  const slots = new SaSlots(memory, new Pool(memory), epochs, instance.expand, randomBytes);
  const engined = withEngines(instance, memory, 0, engines, from, library);
  const arena = arenaOf(regions, 0);
  const textOf = (index: number) => arena + L.TX + 8 + index * 70_001;

  const addSa = (cipher: Cipher, key: Uint8Array = randomBytes(CIPHERS[cipher].keyBytes)) => {
    const fields = { path: 0, selectors: 0, adjacency: 2, vrf: 0 };
    const slot = slots.addOutbound({ spi: 1, cipher, key, salt: new Uint8Array(4), esn: true }, fields);
    return { slot, cipher, key, sa: slots.address(slot) };
  };
  const packet = (sa: Pick<Packet, "cipher" | "key" | "sa">, length: number): Packet => ({
    ...sa,
    text: randomBytes(length),
    nonce: randomBytes(12),
    aad: randomBytes(length % 2 === 0 ? 8 : 12),
  });
  const put = (ops: number, index: number, { sa, text, nonce, aad }: Packet, as: Uint8Array) => {
    const op = arena + ops + index * L.OP_STRIDE;
    bytes.fill(0, op, op + L.OP_STRIDE);
    view.setUint32(op + L.OP_SA, sa, true);
    view.setUint32(op + L.OP_TEXT, textOf(index), true);
    view.setUint32(op + L.OP_LENGTH, text.length, true);
    view.setUint32(op + L.OP_OK, 0xdead, true);
    view.setUint32(op + L.OP_AAD_LENGTH, aad.length, true);
    bytes.set(aad, op + L.OP_AAD);
    bytes.set(nonce, op + L.OP_NONCE);
    bytes.fill(0xa5, textOf(index) - 8, textOf(index) + text.length + 24);
    bytes.set(as, textOf(index));
  };
  /** What stands at the texts afterwards, tag and 8 bytes on each side included. */
  const read = (index: number, length: number) =>
    Buffer.from(bytes.subarray(textOf(index) - 8, textOf(index) + length + 24));
  const seal = (packets: readonly Packet[]) => {
    packets.forEach((each, index) => {
      put(L.SEAL_OPS, index, each, each.text);
    });
    expect(engined.fast.seal(packets.length)).toBe(0);
    return packets.map(({ text }, index) => read(index, text.length));
  };
  const open = (packets: readonly Packet[], sealed: readonly Uint8Array[]) => {
    packets.forEach((each, index) => {
      put(L.OPEN_OPS, index, each, sealed[index]);
    });
    expect(engined.fast.open(packets.length)).toBe(0);
    return packets.map(({ text }, index) => ({
      ok: view.getUint32(arena + L.OPEN_OPS + index * L.OP_STRIDE + L.OP_OK, true),
      text: Buffer.from(bytes.subarray(textOf(index), textOf(index) + text.length)),
    }));
  };
  return { memory, epochs, slots, ...engined, addSa, packet, seal, open, textOf };
}

/** Ciphertext and tag, by noble. */
function reference({ cipher, key, text, nonce, aad }: Packet): Buffer {
  const made = cipher === "chacha20poly1305" ? chacha20poly1305(key, nonce, aad) : gcm(key, nonce, aad);
  return Buffer.from(made.encrypt(text));
}
const guarded = (sealed: Uint8Array) => Buffer.concat([Buffer.alloc(8, 0xa5), sealed, Buffer.alloc(8, 0xa5)]);
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

test("an engine holds nothing before its first packet", () => {
  const memory = makeMemory({ workers: 1, sas: 2, adjacencies: 3, fib: 65536 });
  const native = new NativeEngine(memory, crypto);
  native.sweep();
  expect(native.held).toBe(0);
});
