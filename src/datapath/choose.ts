/**
 * Which AEAD engine does each cipher, found out at start: an engine must give the known answer, and the quicker one of
 * those that do is taken, unless the configuration names one. The trial also makes V8 optimise what it will run, so that
 * the first packets do not meet its baseline compiler.
 */

import type { Engines, NativeFrom } from "./engine.ts";
import { PlaneError } from "./error.ts";
import type { Cipher, Engine, EngineWishes } from "./plane.ts";

/** What is asked of a trial (trial.ts). */
export interface Contest {
  answers(cipher: Cipher, engine: Engine): boolean;
  time(cipher: Cipher, engine: Engine, milliseconds: number, length?: number): number;
  warm(cipher: Cipher, engine: Engine, milliseconds: number): void;
}

/**
 * Milliseconds for each cipher and engine: until optimised code stands (the bit-sliced AES of the WASM engine takes longest,
 * about 12), and for the measurement.
 */
const WARM = 20;
const MEASURE = 2;
const SHORT_MEASURE = 0.5;
/** Rounds, the engines in turn: a moment in which the machine was busy does not decide. */
const ROUNDS = 3;

/** Lengths at which the two are compared, to find out from where on the native engine is worth its foreign calls; ascending. */
const SHORT = [64, 128, 192, 256, 384, 512];

/** @throws PlaneError engine: a cipher has no engine that gives the right answer */
export function chooseEngines(contest: Contest, wishes: EngineWishes = {}): Engines {
  const choose = (cipher: Cipher): Engine => choice(contest, cipher, wishes[cipher] ?? "auto");
  return {
    chacha20poly1305: choose("chacha20poly1305"),
    aes128gcm16: choose("aes128gcm16"),
    aes256gcm16: choose("aes256gcm16"),
  };
}

function choice(contest: Contest, cipher: Cipher, wish: "auto" | Engine): Engine {
  const right = (["wasm", "native"] as const).filter((engine) => contest.answers(cipher, engine));
  if (right.length === 0) {
    throw new PlaneError(
      "engine",
      `No engine of this build gives the right answer for ${cipher} on this machine; nothing may be sent with it. Build anew (npm run build) and, if that does not help, report it with the processor's name.`,
    );
  }
  const able = right.filter((engine) => wish === "auto" || engine === wish);
  // What was asked for is not there, or is wrong: then the other one.
  const taken = able.length === 0 ? right : able;
  for (const engine of taken) contest.warm(cipher, engine, WARM);
  if (taken.length === 1) return taken[0];
  const best: Record<Engine, number> = { wasm: Number.POSITIVE_INFINITY, native: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round++) {
    for (const engine of taken) best[engine] = Math.min(best[engine], contest.time(cipher, engine, MEASURE));
  }
  return best.native < best.wasm ? "native" : "wasm";
}

/**
 * For each cipher that was given to the native engine because it is quicker on the whole: the length from which on it is, at most the
 * longest of SHORT. What the configuration gives it, it does whatever the length.
 */
export function nativeFrom(contest: Contest, engines: Engines, wishes: EngineWishes = {}): NativeFrom {
  const from = (cipher: Cipher): number => {
    const chosen = engines[cipher] === "native" && (wishes[cipher] ?? "auto") === "auto";
    return chosen && contest.answers(cipher, "wasm") ? crossing(contest, cipher) : 0;
  };
  return {
    chacha20poly1305: from("chacha20poly1305"),
    aes128gcm16: from("aes128gcm16"),
    aes256gcm16: from("aes256gcm16"),
  };
}

/** The first of SHORT at which the native engine is no slower; 0 where that is the very first. */
function crossing(contest: Contest, cipher: Cipher): number {
  for (const engine of ["wasm", "native"] as const) contest.warm(cipher, engine, MEASURE);
  const first = SHORT.findIndex((length) => {
    const best = { wasm: Number.POSITIVE_INFINITY, native: Number.POSITIVE_INFINITY };
    for (let round = 0; round < ROUNDS; round++) {
      for (const engine of ["wasm", "native"] as const) {
        best[engine] = Math.min(best[engine], contest.time(cipher, engine, SHORT_MEASURE, length));
      }
    }
    return best.native <= best.wasm;
  });
  if (first === 0) return 0;
  return first < 0 ? SHORT[SHORT.length - 1] : SHORT[first];
}
