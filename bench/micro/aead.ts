/** The AEAD engine on a batch of packets, beside node:crypto and @noble/ciphers on one packet at a time. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import * as L from "../../assembly/layout.ts";
import { arenaOf } from "../../src/datapath/memory.ts";
import { NativeEngine } from "../../src/datapath/native.ts";
import type { Cipher } from "../../src/datapath/plane.ts";
import { libcrypto } from "../../src/linux/ffi.ts";
import { PathBed } from "../path/bed.ts";

export const BATCH = 32;
const NAMES = {
  chacha20poly1305: "chacha20-poly1305",
  aes128gcm16: "aes-128-gcm",
  aes256gcm16: "aes-256-gcm",
} as const;

/** Each function does its work once; those of `wasm` for BATCH packets. */
export interface AeadKernels {
  wasmSeal(): void;
  /** Seals and opens again, in place: opening alone is the difference. */
  wasmBoth(): void;
  /** The native engine (libcrypto through FFI) on the same op vector; undefined: this Node.js exports no libcrypto. */
  readonly native: { seal(): void; both(): void } | undefined;
  nodeSeal(): void;
  nodeOpen(): void;
  nobleSeal(): void;
  nobleOpen(): void;
}

export function aeadKernels(cipher: Cipher, size: number): AeadKernels {
  const bed = new PathBed({ cipher, sas: 1, routes: 1 });
  const { view, bytes, regions } = bed.memory;
  const arena = arenaOf(regions, 0);
  const sa = bed.saAt(bed.slotOut(0));
  const stride = (size + 16 + 63) & ~63;
  const key = randomBytes(cipher === "aes128gcm16" ? 16 : 32);
  const keyAt = arena + L.TX + BATCH * stride + 4096;
  bytes.set(key, keyAt);
  bed.fast.expand(sa, keyAt, key.length);
  for (let i = 0; i < BATCH; i++) {
    for (const vector of [L.SEAL_OPS, L.OPEN_OPS]) {
      const op = arena + vector + i * L.OP_STRIDE;
      view.setUint32(op + L.OP_SA, sa, true);
      view.setUint32(op + L.OP_TEXT, arena + L.TX + i * stride, true);
      view.setUint32(op + L.OP_LENGTH, size, true);
      view.setUint32(op + L.OP_AAD_LENGTH, 12, true);
      view.setUint32(op + L.OP_NONCE + 8, i, true);
    }
  }
  const { fast } = bed;
  const crypto = libcrypto();
  const engine = crypto === undefined ? undefined : new NativeEngine(bed.memory, crypto);
  const each = (vector: number, work: (op: number) => boolean | undefined) => {
    for (let i = 0; i < BATCH; i++) {
      if (work(arena + vector + i * L.OP_STRIDE) !== true) throw new Error(`the native engine cannot do ${cipher}`);
    }
  };
  const nativeSeal = () => each(L.SEAL_OPS, (op) => engine?.seal(op));
  const lastOk = arena + L.OPEN_OPS + (BATCH - 1) * L.OP_STRIDE + L.OP_OK;
  const text = randomBytes(size);
  const nonce = randomBytes(12);
  const aad = randomBytes(12);
  const name = NAMES[cipher] as "aes-128-gcm";
  const options = { authTagLength: 16 };
  const seal = () => {
    const sealing = createCipheriv(name, key, nonce, options);
    sealing.setAAD(aad, { plaintextLength: size });
    const sealed = [sealing.update(text), sealing.final()];
    return { sealed: sealed[0]!, tag: sealing.getAuthTag() };
  };
  const { sealed, tag } = seal();
  const noble = () => (cipher === "chacha20poly1305" ? chacha20poly1305(key, nonce, aad) : gcm(key, nonce, aad));
  const both = noble().encrypt(text);
  if (Buffer.compare(Buffer.from(both), Buffer.concat([sealed, tag])) !== 0)
    throw new Error(`${cipher}: they disagree`);
  return {
    wasmSeal: () => fast.seal(BATCH),
    wasmBoth: () => {
      fast.seal(BATCH);
      fast.open(BATCH);
      if (view.getUint32(lastOk, true) !== 1) throw new Error("a tag did not verify");
    },
    native:
      engine === undefined
        ? undefined
        : {
            seal: nativeSeal,
            both: () => {
              nativeSeal();
              each(L.OPEN_OPS, (op) => engine.open(op));
              if (view.getUint32(lastOk, true) !== 1) throw new Error("a tag did not verify");
            },
          },
    nodeSeal: seal,
    nodeOpen: () => {
      const opening = createDecipheriv(name, key, nonce, options);
      opening.setAAD(aad, { plaintextLength: size });
      opening.setAuthTag(tag);
      opening.update(sealed);
      opening.final();
    },
    nobleSeal: () => noble().encrypt(text),
    nobleOpen: () => noble().decrypt(both),
  };
}
