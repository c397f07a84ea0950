import { createCipheriv } from "node:crypto";
import asc from "assemblyscript/asc";
import * as layout from "../../../assembly/layout.ts";

const root = new URL("../../..", import.meta.url).pathname;

/** Where the test puts things: SA slots, keys on their way in, long AAD, then the workers' arenas. */
export const SLOTS = 0x100000;
export const KEY = 0x30000;
export const LONG_AAD = 0x34000;
export const TAG = 0x33000;
const ARENAS = 0x400000;
const WORKERS = 2;

export const CIPHERS = [
  { number: layout.CIPHER_CHACHA20_POLY1305, name: "chacha20-poly1305", keyLength: 32 },
  { number: layout.CIPHER_AES_128_GCM, name: "aes-128-gcm", keyLength: 16 },
  { number: layout.CIPHER_AES_256_GCM, name: "aes-256-gcm", keyLength: 32 },
] as const;
export type Cipher = (typeof CIPHERS)[number];

/** An SA as the engine sees it. */
export interface Sa {
  address: number;
  cipher: Cipher;
  key: Uint8Array;
}

/** One op: what is sealed, with what, and where it stands. */
export interface Job {
  sa: Sa;
  text: Uint8Array;
  nonce: Uint8Array;
  aad: Uint8Array;
  /** Address of the text. */
  at: number;
}

interface Exports {
  expand(sa: number, key: number, keyLength: number): void;
  leave(ciphers: number): void;
  leaveFrom(cipher: number, bytes: number): void;
  open(ops: number, count: number): number;
  seal(ops: number, count: number): number;
  poly1305(key: number, from: number, blocks: number, pairs: number, to: number, scratch: number): void;
  tagOf(op: number, aad: number, aadLength: number, to: number): void;
}

/** The engine's module over a memory laid out as the router lays it out, as far as the engine looks. */
export class Engine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly exports: Exports;

  constructor(wasm: Uint8Array<ArrayBuffer>) {
    const size = ARENAS + WORKERS * layout.ARENA_SIZE;
    const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65536) + 1, maximum: 65536, shared: true });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } });
    this.exports = instance.exports as unknown as Exports;
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.view.setUint32(layout.G_ARENAS_BASE, ARENAS, true);
  }

  arena(worker: number): number {
    return ARENAS + worker * layout.ARENA_SIZE;
  }

  /** Op vector and text region of a worker. */
  ops(worker = 0): number {
    return this.arena(worker) + layout.OPEN_OPS;
  }
  texts(worker = 0): number {
    return this.arena(worker) + layout.TX;
  }

  /** Fills SA slot `index`. */
  sa(index: number, cipher: Cipher, key: Uint8Array): Sa {
    const address = SLOTS + index * layout.SA_STRIDE;
    this.view.setUint32(address + layout.SA_CIPHER, cipher.number, true);
    this.bytes.set(key, KEY);
    this.exports.expand(address, KEY, key.length);
    return { address, cipher, key };
  }

  /** Writes op `index` and its text; `seal` and `open` take it from there. */
  put(index: number, job: Job, worker = 0): void {
    const op = this.ops(worker) + index * layout.OP_STRIDE;
    this.bytes.set(job.text, job.at);
    this.bytes.fill(0, op, op + layout.OP_STRIDE);
    this.view.setUint32(op + layout.OP_SA, job.sa.address, true);
    this.view.setUint32(op + layout.OP_TEXT, job.at, true);
    this.view.setUint32(op + layout.OP_LENGTH, job.text.length, true);
    this.view.setUint32(op + layout.OP_OK, 0xdead, true);
    this.view.setUint32(op + layout.OP_AAD_LENGTH, job.aad.length, true);
    this.bytes.set(job.aad.subarray(0, 16), op + layout.OP_AAD);
    this.bytes.set(job.nonce, op + layout.OP_NONCE);
  }

  seal(count: number, worker = 0): void {
    this.exports.seal(this.ops(worker), count);
  }
  open(count: number, worker = 0): void {
    this.exports.open(this.ops(worker), count);
  }
  ok(index: number, worker = 0): number {
    return this.view.getUint32(this.ops(worker) + index * layout.OP_STRIDE + layout.OP_OK, true);
  }

  /** Copy of `length` bytes at `at`. */
  read(at: number, length: number): Buffer {
    return Buffer.from(this.bytes.subarray(at, at + length));
  }
}

/** The oracle: ciphertext ‖ tag by OpenSSL. */
export function reference(job: Job): Buffer {
  const cipher = createCipheriv(job.sa.cipher.name as "aes-128-gcm", job.sa.key, job.nonce, { authTagLength: 16 });
  cipher.setAAD(job.aad, { plaintextLength: job.text.length });
  return Buffer.concat([cipher.update(job.text), cipher.final(), cipher.getAuthTag()]);
}

/** Compiles the engine with the options of one of the product's own builds, with relaxed-simd or without. Nothing is written to disk. */
export async function compile(target: "release" | "plain" = "release"): Promise<Uint8Array<ArrayBuffer>> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const entry = "assembly/aead/entry.ts";
  const options = ["--config", "asconfig.json", "--target", target, "--baseDir", root, "--outFile", "aead.wasm"];
  const { error, stderr } = await asc.main([entry, ...options], {
    writeFile(name: string, contents: Uint8Array | string) {
      if (name === "aead.wasm") wasm = Uint8Array.from(contents as Uint8Array);
    },
  });
  if (error !== null || wasm === undefined) throw new Error(`assembly/aead does not compile: ${stderr}`);
  return wasm;
}
