import { high, lookup, low, NIBBLE } from "./swizzle";

/*
 * AES (FIPS 197), encryption only, sixteen blocks at a time and no memory access that depends on data.
 *
 * Byte slices: vector i holds byte i of sixteen blocks. So ShiftRows is a matter of which vector is read, MixColumns is
 * plain xor, and SubBytes runs on whole vectors.
 *
 * SubBytes by vector permutation (M. Hamburg, "Accelerating AES with Vector Permute Instructions", CHES 2009): look-ups
 * of 16 entries only. GF(2^8) is seen as GF(2^4)[v], with
 *
 *   g = 0x5c, g^4 = g + 1        the nibble n = n3 n2 n1 n0 stands for n3·g^3 + n2·g^2 + n1·g + n0 of GF(2^4)
 *   a = g, v = 0xb2              v^2 + a·v + a = 0
 *   x = k + i·v                  φ(x) = i·16 + k: the tower form of a byte
 *
 * With x̄ the conjugate, 1/x = x̄ / (x·x̄). Let j = i + k and N = x·x̄ = k^2 + a·i·j. Two nested inversions in GF(2^4)
 *
 *   io = 1 / (1/i + a/k) + j = N / (k + a·i)       jo = 1 / (1/j + a/k) + i = N / (k + a·j)
 *
 * give 1/x as a linear function of 1/io and 1/jo:
 *
 *   1/x = (1 + v·(1/a + 1/a^2)) / io + (v/a^2) / jo
 *
 * and the affine map, the doubling and the way back to tower form are all linear, so they go into the tables that are
 * looked up with io and jo. 1/0 is ∞, written 0x80: as an index it yields 0, and ∞ + n is ∞. The formulas then hold for
 * i = 0, j = 0, k = 0 and x = 0 as well.
 *
 * Between rounds the state stays in tower form, without the affine map's constant 0x63: as MixColumns maps four equal
 * bytes to themselves, φ(0x63) can be part of the round key (aeskey.ts).
 */

/** φ(0x63). */
export const TOWER_63: u8 = 0x6e;

// Tables lie in memory, not in the code: V8 builds a v128 literal anew at every use, from two 64-bit halves, while what was
// loaded once stays in a register.

// φ(x) = φ(low nibble) + φ(high nibble · 16).
const TOWER_LOW = memory.data<u8>(
  [0x00, 0x01, 0x1c, 0x1d, 0x2d, 0x2c, 0x31, 0x30, 0x27, 0x26, 0x3b, 0x3a, 0x0a, 0x0b, 0x16, 0x17],
  16,
);
const TOWER_HIGH = memory.data<u8>(
  [0x00, 0x86, 0xfd, 0x7b, 0x8e, 0x08, 0x73, 0xf5, 0x77, 0xf1, 0x8a, 0x0c, 0xf9, 0x7f, 0x04, 0x82],
  16,
);
// 1/n and a/n in GF(2^4).
const INVERSE = memory.data<u8>(
  [0x80, 0x01, 0x09, 0x0e, 0x0d, 0x0b, 0x07, 0x06, 0x0f, 0x02, 0x0c, 0x05, 0x0a, 0x04, 0x03, 0x08],
  16,
);
const INVERSE_TIMES_A = memory.data<u8>(
  [0x80, 0x02, 0x01, 0x0f, 0x09, 0x05, 0x0e, 0x0c, 0x0d, 0x04, 0x0b, 0x0a, 0x07, 0x08, 0x06, 0x03],
  16,
);
// φ of S(x) − 0x63, from io and jo; the same doubled; and S(x) − 0x63 as a plain byte for the last round.
const SINGLE_IO = memory.data<u8>(
  [0x00, 0xc3, 0x4f, 0x0c, 0xfc, 0x7c, 0x43, 0x80, 0xcf, 0x33, 0x3f, 0x70, 0xbf, 0xb3, 0xf0, 0x8c],
  16,
);
const SINGLE_JO = memory.data<u8>(
  [0x00, 0xe6, 0x72, 0xb7, 0xe5, 0xc6, 0xc5, 0x23, 0x51, 0xb4, 0x03, 0x71, 0x20, 0x97, 0x52, 0x94],
  16,
);
const DOUBLE_IO = memory.data<u8>(
  [0x00, 0x7c, 0x20, 0xcf, 0x92, 0x01, 0xef, 0x93, 0xb3, 0x21, 0xee, 0xce, 0x7d, 0xb2, 0x5d, 0x5c],
  16,
);
const DOUBLE_JO = memory.data<u8>(
  [0x00, 0xd1, 0xe5, 0xf7, 0xe6, 0x25, 0x12, 0xc3, 0x26, 0xc0, 0x37, 0xd2, 0xf4, 0x03, 0x11, 0x34],
  16,
);
const PLAIN_IO = memory.data<u8>(
  [0x00, 0xcb, 0xd7, 0xb0, 0x21, 0x8d, 0x67, 0xac, 0x7b, 0x5a, 0xea, 0x3d, 0x46, 0xf6, 0x91, 0x1c],
  16,
);
const PLAIN_JO = memory.data<u8>(
  [0x00, 0x9f, 0x61, 0x16, 0xc2, 0x2a, 0x77, 0xe8, 0x89, 0x4b, 0x5d, 0x3c, 0xb5, 0xa3, 0xd4, 0xfe],
  16,
);

/** φ of sixteen plain bytes. */
// @ts-ignore: decorator
@inline
export function tower(x: v128): v128 {
  const nibble = v128.load(NIBBLE);
  return v128.xor(lookup(v128.load(TOWER_LOW), low(x, nibble)), lookup(v128.load(TOWER_HIGH), high(x, nibble)));
}

/** io with (i, j), jo with (j, i); `share` is a/k. */
// @ts-ignore: decorator
@inline
function inverted(i: v128, j: v128, share: v128, inverse: v128): v128 {
  return v128.xor(lookup(inverse, v128.xor(lookup(inverse, i), share)), j);
}

/** S(x) − 0x63, plain, of sixteen bytes in tower form. */
// @ts-ignore: decorator
@inline
function plain(x: v128, nibble: v128, inverse: v128, overA: v128, plainIo: v128, plainJo: v128): v128 {
  const i = high(x, nibble);
  const k = low(x, nibble);
  const j = v128.xor(i, k);
  const share = lookup(overA, k);
  return v128.xor(lookup(plainIo, inverted(i, j, share, inverse)), lookup(plainJo, inverted(j, i, share, inverse)));
}

/** S(x) of sixteen plain bytes, for the key schedule. */
export function substitute(x: v128): v128 {
  const nibble = v128.load(NIBBLE);
  const inverse = v128.load(INVERSE);
  const overA = v128.load(INVERSE_TIMES_A);
  const s = plain(tower(x), nibble, inverse, overA, v128.load(PLAIN_IO), v128.load(PLAIN_JO));
  return v128.xor(s, i8x16.splat(0x63));
}

/** SubBytes, ShiftRows, MixColumns and AddRoundKey for one column: slices a–d of the state in, four slices out. */
// @ts-ignore: decorator
@inline
function column(
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  key: usize,
  out: usize,
  nibble: v128,
  inverse: v128,
  overA: v128,
  singleIo: v128,
  singleJo: v128,
  doubleIo: v128,
  doubleJo: v128,
): void {
  const x0 = v128.load(a);
  const i0 = high(x0, nibble);
  const k0 = low(x0, nibble);
  const j0 = v128.xor(i0, k0);
  const share0 = lookup(overA, k0);
  const io0 = inverted(i0, j0, share0, inverse);
  const jo0 = inverted(j0, i0, share0, inverse);
  const s0 = v128.xor(lookup(singleIo, io0), lookup(singleJo, jo0));
  const d0 = v128.xor(lookup(doubleIo, io0), lookup(doubleJo, jo0));

  const x1 = v128.load(b);
  const i1 = high(x1, nibble);
  const k1 = low(x1, nibble);
  const j1 = v128.xor(i1, k1);
  const share1 = lookup(overA, k1);
  const io1 = inverted(i1, j1, share1, inverse);
  const jo1 = inverted(j1, i1, share1, inverse);
  const s1 = v128.xor(lookup(singleIo, io1), lookup(singleJo, jo1));
  const d1 = v128.xor(lookup(doubleIo, io1), lookup(doubleJo, jo1));

  const x2 = v128.load(c);
  const i2 = high(x2, nibble);
  const k2 = low(x2, nibble);
  const j2 = v128.xor(i2, k2);
  const share2 = lookup(overA, k2);
  const io2 = inverted(i2, j2, share2, inverse);
  const jo2 = inverted(j2, i2, share2, inverse);
  const s2 = v128.xor(lookup(singleIo, io2), lookup(singleJo, jo2));
  const d2 = v128.xor(lookup(doubleIo, io2), lookup(doubleJo, jo2));

  const x3 = v128.load(d);
  const i3 = high(x3, nibble);
  const k3 = low(x3, nibble);
  const j3 = v128.xor(i3, k3);
  const share3 = lookup(overA, k3);
  const io3 = inverted(i3, j3, share3, inverse);
  const jo3 = inverted(j3, i3, share3, inverse);
  const s3 = v128.xor(lookup(singleIo, io3), lookup(singleJo, jo3));
  const d3 = v128.xor(lookup(doubleIo, io3), lookup(doubleJo, jo3));

  // MixColumns: row n is 2·s(n) + 3·s(n+1) + s(n+2) + s(n+3) = (s0 + s1 + s2 + s3) + s(n) + 2·s(n) + 2·s(n+1).
  const all = v128.xor(v128.xor(s0, s1), v128.xor(s2, s3));
  v128.store(out, v128.xor(v128.xor(v128.xor(all, s0), v128.load(key)), v128.xor(d0, d1)));
  v128.store(out, v128.xor(v128.xor(v128.xor(all, s1), v128.load(key, 16)), v128.xor(d1, d2)), 16);
  v128.store(out, v128.xor(v128.xor(v128.xor(all, s2), v128.load(key, 32)), v128.xor(d2, d3)), 32);
  v128.store(out, v128.xor(v128.xor(v128.xor(all, s3), v128.load(key, 48)), v128.xor(d3, d0)), 48);
}

/** One full round from `state` to `out`. ShiftRows: row r of column c comes from column c + r. */
function round(state: usize, key: usize, out: usize): void {
  const nibble = v128.load(NIBBLE);
  const inverse = v128.load(INVERSE);
  const overA = v128.load(INVERSE_TIMES_A);
  const si = v128.load(SINGLE_IO);
  const sj = v128.load(SINGLE_JO);
  const di = v128.load(DOUBLE_IO);
  const dj = v128.load(DOUBLE_JO);
  // prettier-ignore
  column(state, state + 80, state + 160, state + 240, key, out, nibble, inverse, overA, si, sj, di, dj);
  // prettier-ignore
  column(state + 64, state + 144, state + 224, state + 48, key + 64, out + 64, nibble, inverse, overA, si, sj, di, dj);
  // prettier-ignore
  column(state + 128, state + 208, state + 32, state + 112, key + 128, out + 128, nibble, inverse, overA, si, sj, di, dj);
  // prettier-ignore
  column(state + 192, state + 16, state + 96, state + 176, key + 192, out + 192, nibble, inverse, overA, si, sj, di, dj);
}

/** The last round, without MixColumns and back to plain bytes. */
function lastRound(state: usize, key: usize, out: usize): void {
  const nibble = v128.load(NIBBLE);
  const inverse = v128.load(INVERSE);
  const overA = v128.load(INVERSE_TIMES_A);
  const plainIo = v128.load(PLAIN_IO);
  const plainJo = v128.load(PLAIN_JO);
  // Slice n = 4c + r of the output comes from slice 4·(c + r) + r = n + 4r, mod 16.
  for (let n: usize = 0; n < 16; n++) {
    const x = v128.load(state + ((n + 4 * (n & 3)) & 15) * 16);
    const s = plain(x, nibble, inverse, overA, plainIo, plainJo);
    v128.store(out + n * 16, v128.xor(s, v128.load(key + n * 16)));
  }
}

/** Bytes of sixteen blocks in slices. */
export const SLICES_SIZE: usize = 256;

/**
 * Encrypts sixteen blocks. `state`: their slices in tower form, round key 0 added already. `keys`: splatted round keys
 * 0 … `rounds`. `slices`: 512 bytes to work in; the result, plain and in slices, is one of its halves: gives its address.
 */
export function encrypt(state: usize, keys: usize, rounds: u32, slices: usize): usize {
  let to = slices;
  let spare = slices + SLICES_SIZE;
  for (let left = rounds; left != 1; left--) {
    keys += SLICES_SIZE;
    round(state, keys, to);
    state = to;
    to = spare;
    spare = state;
  }
  lastRound(state, keys + SLICES_SIZE, to);
  return to;
}
