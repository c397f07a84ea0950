/*
 * A 16 × 16 square of bytes, turned over its diagonal: rows of blocks become byte slices and the other way round.
 *
 * Four steps of the same kind. A step takes rows n and n + 8 and interleaves their bytes into rows 2n and 2n + 1. The
 * address of a byte, row r3 r2 r1 r0 and column c3 c2 c1 c0, turns by that into row r2 r1 r0 c3, column c2 c1 c0 r3: the
 * eight bits rotate by one, and after four steps row and column have changed places.
 */

// @ts-ignore: decorator
@inline
function lows(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
// @ts-ignore: decorator
@inline
function highs(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** Turns the square at `from` and writes it at `to`; they may be the same. 256 bytes each. */
export function transpose(from: usize, to: usize): void {
  const a0 = v128.load(from);
  const a1 = v128.load(from, 16);
  const a2 = v128.load(from, 32);
  const a3 = v128.load(from, 48);
  const a4 = v128.load(from, 64);
  const a5 = v128.load(from, 80);
  const a6 = v128.load(from, 96);
  const a7 = v128.load(from, 112);
  const a8 = v128.load(from, 128);
  const a9 = v128.load(from, 144);
  const aa = v128.load(from, 160);
  const ab = v128.load(from, 176);
  const ac = v128.load(from, 192);
  const ad = v128.load(from, 208);
  const ae = v128.load(from, 224);
  const af = v128.load(from, 240);
  const b0 = lows(a0, a8);
  const b1 = highs(a0, a8);
  const b2 = lows(a1, a9);
  const b3 = highs(a1, a9);
  const b4 = lows(a2, aa);
  const b5 = highs(a2, aa);
  const b6 = lows(a3, ab);
  const b7 = highs(a3, ab);
  const b8 = lows(a4, ac);
  const b9 = highs(a4, ac);
  const ba = lows(a5, ad);
  const bb = highs(a5, ad);
  const bc = lows(a6, ae);
  const bd = highs(a6, ae);
  const be = lows(a7, af);
  const bf = highs(a7, af);
  const c0 = lows(b0, b8);
  const c1 = highs(b0, b8);
  const c2 = lows(b1, b9);
  const c3 = highs(b1, b9);
  const c4 = lows(b2, ba);
  const c5 = highs(b2, ba);
  const c6 = lows(b3, bb);
  const c7 = highs(b3, bb);
  const c8 = lows(b4, bc);
  const c9 = highs(b4, bc);
  const ca = lows(b5, bd);
  const cb = highs(b5, bd);
  const cc = lows(b6, be);
  const cd = highs(b6, be);
  const ce = lows(b7, bf);
  const cf = highs(b7, bf);
  const d0 = lows(c0, c8);
  const d1 = highs(c0, c8);
  const d2 = lows(c1, c9);
  const d3 = highs(c1, c9);
  const d4 = lows(c2, ca);
  const d5 = highs(c2, ca);
  const d6 = lows(c3, cb);
  const d7 = highs(c3, cb);
  const d8 = lows(c4, cc);
  const d9 = highs(c4, cc);
  const da = lows(c5, cd);
  const db = highs(c5, cd);
  const dc = lows(c6, ce);
  const dd = highs(c6, ce);
  const de = lows(c7, cf);
  const df = highs(c7, cf);
  v128.store(to, lows(d0, d8));
  v128.store(to, highs(d0, d8), 16);
  v128.store(to, lows(d1, d9), 32);
  v128.store(to, highs(d1, d9), 48);
  v128.store(to, lows(d2, da), 64);
  v128.store(to, highs(d2, da), 80);
  v128.store(to, lows(d3, db), 96);
  v128.store(to, highs(d3, db), 112);
  v128.store(to, lows(d4, dc), 128);
  v128.store(to, highs(d4, dc), 144);
  v128.store(to, lows(d5, dd), 160);
  v128.store(to, highs(d5, dd), 176);
  v128.store(to, lows(d6, de), 192);
  v128.store(to, highs(d6, de), 208);
  v128.store(to, lows(d7, df), 224);
  v128.store(to, highs(d7, df), 240);
}
