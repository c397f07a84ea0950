/** A worker's engines on the datapath's memory, and what their ops should make of packets. */
import { randomBytes } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { expect } from "vitest";
import * as L from "../../../assembly/layout.ts";
import { type Engines, FROM_ALL, type NativeFrom, withEngines } from "../../../src/datapath/engine.ts";
import { Epochs } from "../../../src/datapath/epoch.ts";
import { arenaOf, makeMemory } from "../../../src/datapath/memory.ts";
import { instantiate, loadModule } from "../../../src/datapath/module.ts";
import type { Cipher } from "../../../src/datapath/plane.ts";
import { Pool } from "../../../src/datapath/pool.ts";
import { CIPHERS, SaSlots } from "../../../src/datapath/sa.ts";
import { type Libcrypto, libcrypto } from "../../../src/linux/ffi.ts";

export const NAMES = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"] as const;
export const ALL_WASM: Engines = { chacha20poly1305: "wasm", aes128gcm16: "wasm", aes256gcm16: "wasm" };
export const ALL_NATIVE: Engines = { chacha20poly1305: "native", aes128gcm16: "native", aes256gcm16: "native" };
export const crypto = libcrypto()!;
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
export function rig(engines: Engines, library: Libcrypto | null = crypto, from: NativeFrom = FROM_ALL) {
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
export function reference({ cipher, key, text, nonce, aad }: Packet): Buffer {
  const made = cipher === "chacha20poly1305" ? chacha20poly1305(key, nonce, aad) : gcm(key, nonce, aad);
  return Buffer.from(made.encrypt(text));
}
export const guarded = (sealed: Uint8Array) => Buffer.concat([Buffer.alloc(8, 0xa5), sealed, Buffer.alloc(8, 0xa5)]);
