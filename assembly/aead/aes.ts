import { substitute } from "./sbox";
import { SLICES_SIZE } from "./slices";

/*
 * AES (FIPS 197), encryption only, sixteen blocks at a time in bit slices (slices.ts): no table and no address that
 * depends on data, and nothing but and, xor and fixed permutations.
 */

/** Row 0 stays, row 1 moves on by one column: the upper four 16-bit units of a vector rotate. */
// @ts-ignore: decorator
@inline
function shift01(x: v128): v128 {
  return i8x16.shuffle(x, x, 0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 8, 9);
}

/** Row 2 moves on by two columns, row 3 by three. */
// @ts-ignore: decorator
@inline
function shift23(x: v128): v128 {
  return i8x16.shuffle(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 14, 15, 8, 9, 10, 11, 12, 13);
}

/** The upper half of a, then the lower half of b: of rows r, r + 1 and r + 2, r + 3 the rows r + 1, r + 2. */
// @ts-ignore: decorator
@inline
function next(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
}

/**
 * ShiftRows, MixColumns and AddRoundKey, in place. With t(r) = s(r) + s(r+1), row r becomes
 *
 *   2·s(r) + 3·s(r+1) + s(r+2) + s(r+3) = 2·t(r) + s(r+1) + t(r+2)
 *
 * Doubling moves bit b to bit b + 1, and bit 7 to bits 0, 1, 3 and 4 (x^8 = x^4 + x^3 + x + 1).
 */
function mix(state: usize, key: usize): void {
  // From the top bit down: bit 7 of t is wanted in four places, any other only in the slice above.
  const p7 = shift01(v128.load(state, 224));
  const q7 = shift23(v128.load(state, 240));
  const pq7 = next(p7, q7);
  const qp7 = next(q7, p7);
  const t7 = v128.xor(p7, pq7);
  const u7 = v128.xor(q7, qp7);

  const p6 = shift01(v128.load(state, 192));
  const q6 = shift23(v128.load(state, 208));
  const pq6 = next(p6, q6);
  const qp6 = next(q6, p6);
  const t6 = v128.xor(p6, pq6);
  const u6 = v128.xor(q6, qp6);
  v128.store(state, v128.xor(v128.xor(v128.xor(t6, pq7), u7), v128.load(key, 224)), 224);
  v128.store(state, v128.xor(v128.xor(v128.xor(u6, qp7), t7), v128.load(key, 240)), 240);

  const p5 = shift01(v128.load(state, 160));
  const q5 = shift23(v128.load(state, 176));
  const pq5 = next(p5, q5);
  const qp5 = next(q5, p5);
  const t5 = v128.xor(p5, pq5);
  const u5 = v128.xor(q5, qp5);
  v128.store(state, v128.xor(v128.xor(v128.xor(t5, pq6), u6), v128.load(key, 192)), 192);
  v128.store(state, v128.xor(v128.xor(v128.xor(u5, qp6), t6), v128.load(key, 208)), 208);

  const p4 = shift01(v128.load(state, 128));
  const q4 = shift23(v128.load(state, 144));
  const pq4 = next(p4, q4);
  const qp4 = next(q4, p4);
  const t4 = v128.xor(p4, pq4);
  const u4 = v128.xor(q4, qp4);
  v128.store(state, v128.xor(v128.xor(v128.xor(t4, pq5), u5), v128.load(key, 160)), 160);
  v128.store(state, v128.xor(v128.xor(v128.xor(u4, qp5), t5), v128.load(key, 176)), 176);

  const p3 = shift01(v128.load(state, 96));
  const q3 = shift23(v128.load(state, 112));
  const pq3 = next(p3, q3);
  const qp3 = next(q3, p3);
  const t3 = v128.xor(p3, pq3);
  const u3 = v128.xor(q3, qp3);
  v128.store(state, v128.xor(v128.xor(v128.xor(v128.xor(t3, t7), pq4), u4), v128.load(key, 128)), 128);
  v128.store(state, v128.xor(v128.xor(v128.xor(v128.xor(u3, u7), qp4), t4), v128.load(key, 144)), 144);

  const p2 = shift01(v128.load(state, 64));
  const q2 = shift23(v128.load(state, 80));
  const pq2 = next(p2, q2);
  const qp2 = next(q2, p2);
  const t2 = v128.xor(p2, pq2);
  const u2 = v128.xor(q2, qp2);
  v128.store(state, v128.xor(v128.xor(v128.xor(v128.xor(t2, t7), pq3), u3), v128.load(key, 96)), 96);
  v128.store(state, v128.xor(v128.xor(v128.xor(v128.xor(u2, u7), qp3), t3), v128.load(key, 112)), 112);

  const p1 = shift01(v128.load(state, 32));
  const q1 = shift23(v128.load(state, 48));
  const pq1 = next(p1, q1);
  const qp1 = next(q1, p1);
  const t1 = v128.xor(p1, pq1);
  const u1 = v128.xor(q1, qp1);
  v128.store(state, v128.xor(v128.xor(v128.xor(t1, pq2), u2), v128.load(key, 64)), 64);
  v128.store(state, v128.xor(v128.xor(v128.xor(u1, qp2), t2), v128.load(key, 80)), 80);

  const p0 = shift01(v128.load(state));
  const q0 = shift23(v128.load(state, 16));
  const pq0 = next(p0, q0);
  const qp0 = next(q0, p0);
  const t0 = v128.xor(p0, pq0);
  const u0 = v128.xor(q0, qp0);
  v128.store(state, v128.xor(v128.xor(v128.xor(v128.xor(t0, t7), pq1), u1), v128.load(key, 32)), 32);
  v128.store(state, v128.xor(v128.xor(v128.xor(v128.xor(u0, u7), qp1), t1), v128.load(key, 48)), 48);
  v128.store(state, v128.xor(v128.xor(v128.xor(t7, pq0), u0), v128.load(key)));
  v128.store(state, v128.xor(v128.xor(v128.xor(u7, qp0), t0), v128.load(key, 16)), 16);
}

/** SubBytes, ShiftRows and AddRoundKey: the last round. */
function last(state: usize, key: usize): void {
  substitute(state);
  substitute(state + 16);
  for (let b: usize = 0; b < SLICES_SIZE; b += 32) {
    v128.store(state + b, v128.xor(shift01(v128.load(state + b)), v128.load(key + b)));
    v128.store(state + b, v128.xor(shift23(v128.load(state + b, 16)), v128.load(key + b, 16)), 16);
  }
}

/** Encrypts the sixteen blocks at `state`, in slices, round key 0 added already. `keys`: round keys 0 … `rounds`. */
export function encrypt(state: usize, keys: usize, rounds: u32): void {
  for (let left = rounds; left != 1; left--) {
    keys += SLICES_SIZE;
    substitute(state);
    substitute(state + 16);
    mix(state, keys);
  }
  last(state, keys + SLICES_SIZE);
}

/**
 * The same for 2 × 16 blocks, those at `state` and those behind them. One set alone waits for its own results most of the
 * time; the other fills the gaps.
 */
export function encryptPair(state: usize, keys: usize, rounds: u32): void {
  for (let left = rounds; left != 1; left--) {
    keys += SLICES_SIZE;
    substitute(state);
    substitute(state + 16);
    substitute(state + SLICES_SIZE);
    mix(state, keys);
    substitute(state + SLICES_SIZE + 16);
    mix(state + SLICES_SIZE, keys);
  }
  last(state, keys + SLICES_SIZE);
  last(state + SLICES_SIZE, keys + SLICES_SIZE);
}
