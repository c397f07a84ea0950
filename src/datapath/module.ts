/** The WASM module of the fast path: found, compiled once, instantiated by each thread on the one memory. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { PlaneError } from "./error.ts";

/**
 * The builds of assembly/: with relaxed-simd, which makes AES-GCM about 9 % faster, and without it for a JavaScript engine that
 * does not know it. Else they are the same.
 */
const FILES = { relaxed: "build/vcpe.wasm", plain: "build/vcpe-plain.wasm" } as const;
export type Build = keyof typeof FILES;

/** What assembly/index exports to the worker's loop and to the control thread; numbers are u32 and addresses. */
export interface FastPath {
  /** Loads the bases from the globals block and makes `worker`'s arena the one in use. */
  attach(worker: number): void;
  /** Readies the receive messages of the arena; before each recvmmsg. */
  fill(): void;
  /** Pass 1 over `count` messages received on socket `socket`; the number of ops to open. */
  inbound(socket: number, count: number): number;
  /** Pass 2: opens, seals the ops queued by the road; how many are left, as their cipher belongs to another engine. */
  open(count: number): number;
  seal(count: number): number;
  /** The same for op `index` alone, whatever its cipher. */
  openOne(index: number): void;
  sealOne(index: number): void;
  /** Leaves the ciphers whose bit 1 << CIPHER_* is set to another engine. */
  leave(ciphers: number): void;
  /** … but not texts shorter than `bytes` of cipher CIPHER_*. */
  leaveFrom(cipher: number, bytes: number): void;
  /** Pass 3 over the opened ops; the number of ops to seal. Stops when the send region is full. */
  deliver(): number;
  /** Opened ops that `deliver` has not yet taken on. */
  pending(): number;
  /** The road out for packets first … count − 1 read from TUN `tun`; how many of them were taken on. */
  outbound(tun: number, first: number, count: number): number;
  /** Seals packets of shaped tunnels that are due (SHAPER_DUE). True: the send region is full; flush, and call it again. */
  depart(): boolean | number;
  /** A rate has changed: all that waits is due. */
  reshape(): void;
  /** All that was queued has been sent: empties the send region. */
  flushed(): void;
  /** The kernel refused message `index` of socket `socket` with EMSGSIZE: counts it and tells control. */
  tooBig(socket: number, index: number): void;
  /** Flows among `count` places of the flow table from `first` on that live at `now`, seconds. Of any instance. */
  liveFlows(first: number, count: number, now: number): number;
  /** Key set-up into an SA slot, constant-time. */
  expand(sa: number, key: number, keyLength: number): void;
}

/** Walks up from this file (src/datapath or dist/src/datapath) to the folder that has the module. */
function find(file: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const path = join(folder, file);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) {
      throw new PlaneError("not-built", `The fast path is not built: there is no ${file}. Run \`npm run build:wasm\`.`);
    }
  }
}

/** The best build that runs here. @throws PlaneError not-built */
export function bestBuild(): Build {
  return WebAssembly.validate(readFileSync(find(FILES.relaxed))) ? "relaxed" : "plain";
}

/**
 * V8 compiles a function when it is first called, and optimises it when it has run for some time. That would be in the first
 * second of traffic, when packets wait for it; so all is optimised at once instead, by V8's own threads, in about 40 ms.
 */
const EAGER = ["--no-wasm-lazy-compilation", "--no-wasm-dynamic-tiering"];

/**
 * V8 has these flags for the whole process, and reads them when it compiles. Any other module would be optimised as well, whole and
 * in each thread anew: the 2.8 MB with which Node.js reads TypeScript cost more than a second of CPU, and the end of a thread waits for it.
 */
const AS_BEFORE = ["--wasm-lazy-compilation", "--wasm-dynamic-tiering"];

/** Compiles the module: the build that is asked for, else the best that runs here. @throws PlaneError not-built */
export function loadModule(build: Build = bestBuild()): WebAssembly.Module {
  const bytes = readFileSync(find(FILES[build]));
  for (const flag of EAGER) setFlagsFromString(flag);
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    for (const flag of AS_BEFORE) setFlagsFromString(flag);
  }
}

/** One thread's instance. Static data is the same bytes in each, so they may share the memory. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): FastPath & WebAssembly.Exports {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return instance.exports as FastPath & WebAssembly.Exports;
}
