/**
 * Parts of the fast path as a module of their own, for `vcpe bench micro`. Not part of the product's module. Loops are in here, so
 * that the way from JavaScript to WASM is not what is measured.
 */
import { isFresh, take } from "./replay";
import { fold, sum } from "./wire/checksum";

export * from "./fibalone";

/** `count` sequence numbers in order from `first`, each looked up and then taken, at the SA at `sa`; how many were taken. */
export function replayMany(sa: usize, first: u64, count: u32): u32 {
  let taken: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const sequence = first + <u64>i;
    if (isFresh(sa, sequence) && take(sa, sequence) != 0) taken++;
  }
  return taken;
}

/** The Internet checksum of `length` bytes at `at`, `count` times. */
export function checksumMany(at: usize, length: u32, count: u32): u32 {
  let all: u32 = 0;
  for (let i: u32 = 0; i < count; i++) all += fold(sum(at, length));
  return all;
}
