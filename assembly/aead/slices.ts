import { lookup } from "./swizzle";

/*
 * Bit slices: how sixteen AES blocks stand for aes.ts.
 *
 * Sixteen vectors, (b, h) at 32·b + 16·h: bit b of the bytes in rows 2h and 2h + 1 of the AES state. A vector is eight
 * units of 16 bits, unit 4·(r − 2h) + c for row r and column c; bit n of a unit belongs to block n. So ShiftRows is a
 * rotation of units, MixColumns adds whole vectors and halves of them, and a round key has units of all ones or all zeros.
 */

/** Bytes of sixteen blocks, in slices or in rows. */
export const SLICES_SIZE: usize = 256;

/** Rows and columns of the AES state exchanged: byte 4c + r of a block to 4r + c, and back. */
const TURN = memory.data<u8>([0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], 16);
// Every other bit, pair and nibble, and the lower byte of each unit. In memory because V8 builds a v128 literal anew at
// each use, while what was loaded once stays in a register.
const BITS = memory.data<u64>([0x5555555555555555, 0x5555555555555555], 16);
const PAIRS = memory.data<u64>([0x3333333333333333, 0x3333333333333333], 16);
const NIBBLES = memory.data<u64>([0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f], 16);
const LOWER = memory.data<u64>([0x00ff00ff00ff00ff, 0x00ff00ff00ff00ff], 16);

/** The bits that a and b exchange: the upper ones of `a`, moved down by `shift`, against those of `b` under `mask`. */
// @ts-ignore: decorator
@inline
function differing(a: v128, b: v128, shift: i32, mask: v128): v128 {
  return v128.and(v128.xor(i64x2.shr_u(a, shift), b), mask);
}

/**
 * Eight vectors at a stride of 32 as squares of 8 × 8 bits, vector by bit of a byte, each turned over its diagonal. Three
 * steps exchange the upper bits of a vector with the lower ones of its partner at distance 1, 2, 4.
 */
function turnBits(at: usize): void {
  let a0 = v128.load(at);
  let a1 = v128.load(at, 32);
  let a2 = v128.load(at, 64);
  let a3 = v128.load(at, 96);
  let a4 = v128.load(at, 128);
  let a5 = v128.load(at, 160);
  let a6 = v128.load(at, 192);
  let a7 = v128.load(at, 224);

  let mask = v128.load(BITS);
  let t = differing(a0, a1, 1, mask);
  a0 = v128.xor(a0, i64x2.shl(t, 1));
  a1 = v128.xor(a1, t);
  t = differing(a2, a3, 1, mask);
  a2 = v128.xor(a2, i64x2.shl(t, 1));
  a3 = v128.xor(a3, t);
  t = differing(a4, a5, 1, mask);
  a4 = v128.xor(a4, i64x2.shl(t, 1));
  a5 = v128.xor(a5, t);
  t = differing(a6, a7, 1, mask);
  a6 = v128.xor(a6, i64x2.shl(t, 1));
  a7 = v128.xor(a7, t);

  mask = v128.load(PAIRS);
  t = differing(a0, a2, 2, mask);
  a0 = v128.xor(a0, i64x2.shl(t, 2));
  a2 = v128.xor(a2, t);
  t = differing(a1, a3, 2, mask);
  a1 = v128.xor(a1, i64x2.shl(t, 2));
  a3 = v128.xor(a3, t);
  t = differing(a4, a6, 2, mask);
  a4 = v128.xor(a4, i64x2.shl(t, 2));
  a6 = v128.xor(a6, t);
  t = differing(a5, a7, 2, mask);
  a5 = v128.xor(a5, i64x2.shl(t, 2));
  a7 = v128.xor(a7, t);

  mask = v128.load(NIBBLES);
  t = differing(a0, a4, 4, mask);
  a0 = v128.xor(a0, i64x2.shl(t, 4));
  a4 = v128.xor(a4, t);
  t = differing(a1, a5, 4, mask);
  a1 = v128.xor(a1, i64x2.shl(t, 4));
  a5 = v128.xor(a5, t);
  t = differing(a2, a6, 4, mask);
  a2 = v128.xor(a2, i64x2.shl(t, 4));
  a6 = v128.xor(a6, t);
  t = differing(a3, a7, 4, mask);
  a3 = v128.xor(a3, i64x2.shl(t, 4));
  a7 = v128.xor(a7, t);

  v128.store(at, a0);
  v128.store(at, a1, 32);
  v128.store(at, a2, 64);
  v128.store(at, a3, 96);
  v128.store(at, a4, 128);
  v128.store(at, a5, 160);
  v128.store(at, a6, 192);
  v128.store(at, a7, 224);
}

/** Sixteen blocks at `rows` into slices at `slices`. They must not overlap. */
export function slice(rows: usize, slices: usize): void {
  const turn = v128.load(TURN);
  for (let n: usize = 0; n < 8; n++) {
    const a = lookup(v128.load(rows + n * 16), turn);
    const b = lookup(v128.load(rows + n * 16, 128), turn);
    const upper = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const lower = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v128.store(slices + n * 32, upper);
    v128.store(slices + n * 32, lower, 16);
  }
  turnBits(slices);
  turnBits(slices + 16);
}

/** Adds (xor) sixteen blocks in slices to 256 bytes at `text`. The slices are used up. */
export function addRows(slices: usize, text: usize): void {
  turnBits(slices);
  turnBits(slices + 16);
  const turn = v128.load(TURN);
  const lower = v128.load(LOWER);
  for (let n: usize = 0; n < 8; n++) {
    const a = v128.load(slices + n * 32);
    const b = v128.load(slices + n * 32, 16);
    const block = i8x16.narrow_i16x8_u(v128.and(a, lower), v128.and(b, lower));
    const later = i8x16.narrow_i16x8_u(i16x8.shr_u(a, 8), i16x8.shr_u(b, 8));
    const at = text + n * 16;
    v128.store(at, v128.xor(v128.load(at), lookup(block, turn)));
    v128.store(at, v128.xor(v128.load(at, 128), lookup(later, turn)), 128);
  }
}

/** One block, sixteen times, into slices: each bit becomes a unit of ones or zeros. */
export function spread(block: v128, slices: usize): void {
  const turned = lookup(block, v128.load(TURN));
  let rows01 = i8x16.shuffle(turned, turned, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  let rows23 = i8x16.shuffle(turned, turned, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15);
  for (let at = slices + 224; at >= slices; at -= 32) {
    v128.store(at, i16x8.shr_s(rows01, 15));
    v128.store(at, i16x8.shr_s(rows23, 15), 16);
    rows01 = i16x8.shl(rows01, 1);
    rows23 = i16x8.shl(rows23, 1);
  }
}
