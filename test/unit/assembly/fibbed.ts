/** A FIB of its own for each test: a fresh memory with the globals that it needs, and a module that holds nothing else. */

import {
  ARENA_SIZE,
  EPOCH_IDLE,
  G_ARENAS_BASE,
  G_EPOCH,
  G_FIB_BASE,
  G_FIB_SIZE,
  G_WORKERS,
  W_EPOCH,
} from "../../../assembly/layout.ts";
import { compiled } from "../../../bench/compiled.ts";
import { Fib, type FibExports } from "../../../src/datapath/fib.ts";
import type { Prefix } from "../../../src/datapath/plane.ts";
import { parseAddress } from "../../../src/router/address.ts";

export interface FibAlone extends FibExports {
  fibLookup4(vrf: number, address: number): number;
  fibLookup6(vrf: number, high: bigint, low: bigint): number;
  fibBeside4(vrf: number, addresses: number, count: number, answers: number): void;
  fibBeside6(vrf: number, addresses: number, count: number, answers: number): void;
  fibMany4(vrf: number, addresses: number, count: number, answers: number): void;
  fibMany6(vrf: number, addresses: number, count: number, answers: number): void;
}

export function fibInstance(module: WebAssembly.Module, memory: WebAssembly.Memory): FibAlone {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as FibAlone;
}

const BASE = 0x100000;

export interface FibBed {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly wasm: FibAlone;
  readonly fib: Fib;
  /** Address of the bytes behind the FIB, for addresses and answers of fibMany. */
  readonly spare: number;
  readonly words: Uint32Array;
  /** What worker `i` shows as its epoch. */
  setEpoch(worker: number, epoch: number): void;
  epoch(): number;
}

/** @param size bytes of the FIB region. @param spare bytes behind it. Workers begin idle. */
export function fibBed(size: number, spare = 0, workers = 0): FibBed {
  const arenas = BASE + size + spare;
  const memory = new WebAssembly.Memory({
    initial: Math.ceil((arenas + workers * ARENA_SIZE) / 65536),
    maximum: 65536,
    shared: true,
  });
  const words = new Uint32Array(memory.buffer);
  words[G_EPOCH / 4] = 1;
  words[G_WORKERS / 4] = workers;
  words[G_FIB_BASE / 4] = BASE;
  words[G_FIB_SIZE / 4] = size;
  words[G_ARENAS_BASE / 4] = arenas;
  const setEpoch = (worker: number, epoch: number) =>
    void Atomics.store(words, (arenas + worker * ARENA_SIZE + W_EPOCH) / 4, epoch);
  for (let i = 0; i < workers; i++) setEpoch(i, EPOCH_IDLE);
  const module = compiled("fibalone", "test-fib");
  const wasm = fibInstance(module, memory);
  const fib = new Fib(memory, wasm);
  return {
    module,
    memory,
    wasm,
    fib,
    spare: BASE + size,
    words,
    setEpoch,
    epoch: () => Atomics.load(words, G_EPOCH / 4),
  };
}

/** An address as a number, left-aligned in its 32 or 128 bits. */
export function numberOf(address: Uint8Array): bigint {
  let value = 0n;
  for (const byte of address) value = (value << 8n) | BigInt(byte);
  return value;
}

/** 4 or 16 bytes of a number. */
export function bytesOf(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * (bytes - 1 - i))) & 255n));
}

/** The first `length` bits of an address. */
export function prefixOf(address: Uint8Array, length: number): Prefix {
  const shift = BigInt(address.length * 8 - length);
  return { address: bytesOf((numberOf(address) >> shift) << shift, address.length), length };
}

/** "10.1.0.0/16", "2001:db8::/32"; without a length: a host. */
export function parse(text: string): Prefix {
  const [host, length] = text.split("/");
  const address = parseAddress(host);
  if (address === undefined) throw new Error(`${host} is no address`);
  return { address, length: Number(length ?? address.length * 8) };
}
