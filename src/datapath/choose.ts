/**
 * Which AEAD engine does each cipher, found out at start: an engine must give the known answer, and the quicker one of
 * those that do is taken, unless the configuration names one. The trial also makes V8 optimise what it will run, so that
 * the first packets do not meet its baseline compiler.
 */

import type { Engines } from "./engine.ts";
import { PlaneError } from "./error.ts";
import type { Cipher, Engine, EngineWishes } from "./plane.ts";

/** What is asked of a trial (trial.ts). */
export interface Contest {
  answers(cipher: Cipher, engine: Engine): boolean;
  time(cipher: Cipher, engine: Engine, milliseconds: number): number;
  warm(cipher: Cipher, engine: Engine, milliseconds: number): void;
}

/**
 * Milliseconds for each cipher and engine: until optimised code stands (the bit-sliced AES of the WASM engine takes longest,
 * about 12), and for the measurement.
 */
const WARM = 20;
const MEASURE = 2;
/** Rounds, the engines in turn: a moment in which the machine was busy does not decide. */
const ROUNDS = 3;

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
