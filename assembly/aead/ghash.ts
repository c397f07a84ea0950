import { high, lookup, low, NIBBLE } from "./swizzle";

/*
 * GHASH (NIST SP 800-38D §6.4): Y = (Y + X) · H for each block X, in GF(2^128) modulo 1 + z + z^2 + z^7 + z^128. The first
 * bit of a block (the top bit of byte 0) is the coefficient of z^0. So byte p carries the weight z^(8p), and moving a
 * byte from place p to p + b is a multiplication by z^(8b).
 *
 * For a power H^e there is a table of 512 bytes, 32 vectors: entry v of vector b is byte b of v·H^e, where the nibble v is
 * the low half of a byte (vectors 0–15) or the high half (16–31). One look-up per b then takes all sixteen bytes of X:
 *
 *   X · H^e = Σ_b z^(8b) · ( low_b[X's low nibbles] + high_b[X's high nibbles] )
 *
 * The sums over b, and over up to four blocks at once with H^4 … H, are shared out into sixteen accumulators; only then
 * they are shifted together and reduced. Every look-up reads the whole vector: nothing depends on the data in time.
 *
 *   tables: H · 512 │ H^2 · 512 │ H^3 · 512 │ H^4 · 512
 */

/** Bytes of the table of one power. */
export const POWER_SIZE: usize = 512;
/** Blocks that one call takes at most: powers of H for which there are tables. */
export const POWERS: u32 = 4;

// One byte up (towards higher powers): zeros, or the top byte of the lower half, come in.
// @ts-ignore: decorator
@inline
function up(low: v128, high: v128): v128 {
  return i8x16.shuffle(low, high, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
}

// Two bytes up.
// @ts-ignore: decorator
@inline
function up2(low: v128, high: v128): v128 {
  return i8x16.shuffle(low, high, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
}

// c·(1 + z + z^2 + z^7) for the nibbles of a byte c: the byte at c's own place, and the one that reaches into the next.
const FOLD_LOW = memory.data<u8>(
  [0x00, 0x01, 0x03, 0x02, 0x07, 0x06, 0x04, 0x05, 0x0e, 0x0f, 0x0d, 0x0c, 0x09, 0x08, 0x0a, 0x0b],
  16,
);
const FOLD_HIGH = memory.data<u8>(
  [0x00, 0x1c, 0x38, 0x24, 0x70, 0x6c, 0x48, 0x54, 0xe1, 0xfd, 0xd9, 0xc5, 0x91, 0x8d, 0xa9, 0xb5],
  16,
);
const FOLD_LOW_NEXT = memory.data<u8>(
  [0x00, 0xc2, 0x84, 0x46, 0x08, 0xca, 0x8c, 0x4e, 0x10, 0xd2, 0x94, 0x56, 0x18, 0xda, 0x9c, 0x5e],
  16,
);
const FOLD_HIGH_NEXT = memory.data<u8>(
  [0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0, 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0],
  16,
);

/**
 * Takes in `count` (1–4) blocks at `from`: (…((y + X1)·H + X2)·H + …)·H = (y + X1)·H^count + X2·H^(count−1) + …
 * The accumulators are made in two halves, because sixteen at once and their tables do not fit in the registers.
 */
export function hash(tables: usize, y: v128, from: usize, count: u32): v128 {
  const nibble = v128.load(NIBBLE);
  const zero = i64x2(0, 0);

  // Bytes 0–7 of the powers. The block that waits for y comes last, so that the others need not wait with it.
  let s0 = zero;
  let s1 = zero;
  let s2 = zero;
  let s3 = zero;
  let s4 = zero;
  let s5 = zero;
  let s6 = zero;
  let s7 = zero;
  let power = tables;
  for (let n = <i32>count - 1; n >= 0; n--) {
    let x = v128.load(from + n * 16);
    if (n == 0) x = v128.xor(x, y);
    const l = low(x, nibble);
    const h = high(x, nibble);
    s0 = v128.xor(s0, v128.xor(lookup(v128.load(power), l), lookup(v128.load(power, 256), h)));
    s1 = v128.xor(s1, v128.xor(lookup(v128.load(power, 16), l), lookup(v128.load(power, 272), h)));
    s2 = v128.xor(s2, v128.xor(lookup(v128.load(power, 32), l), lookup(v128.load(power, 288), h)));
    s3 = v128.xor(s3, v128.xor(lookup(v128.load(power, 48), l), lookup(v128.load(power, 304), h)));
    s4 = v128.xor(s4, v128.xor(lookup(v128.load(power, 64), l), lookup(v128.load(power, 320), h)));
    s5 = v128.xor(s5, v128.xor(lookup(v128.load(power, 80), l), lookup(v128.load(power, 336), h)));
    s6 = v128.xor(s6, v128.xor(lookup(v128.load(power, 96), l), lookup(v128.load(power, 352), h)));
    s7 = v128.xor(s7, v128.xor(lookup(v128.load(power, 112), l), lookup(v128.load(power, 368), h)));
    power += POWER_SIZE;
  }

  // Bytes 8–15 of the powers.
  let s8 = zero;
  let s9 = zero;
  let sa = zero;
  let sb = zero;
  let sc = zero;
  let sd = zero;
  let se = zero;
  let sf = zero;
  power = tables;
  for (let n = <i32>count - 1; n >= 0; n--) {
    let x = v128.load(from + n * 16);
    if (n == 0) x = v128.xor(x, y);
    const l = low(x, nibble);
    const h = high(x, nibble);
    s8 = v128.xor(s8, v128.xor(lookup(v128.load(power, 128), l), lookup(v128.load(power, 384), h)));
    s9 = v128.xor(s9, v128.xor(lookup(v128.load(power, 144), l), lookup(v128.load(power, 400), h)));
    sa = v128.xor(sa, v128.xor(lookup(v128.load(power, 160), l), lookup(v128.load(power, 416), h)));
    sb = v128.xor(sb, v128.xor(lookup(v128.load(power, 176), l), lookup(v128.load(power, 432), h)));
    sc = v128.xor(sc, v128.xor(lookup(v128.load(power, 192), l), lookup(v128.load(power, 448), h)));
    sd = v128.xor(sd, v128.xor(lookup(v128.load(power, 208), l), lookup(v128.load(power, 464), h)));
    se = v128.xor(se, v128.xor(lookup(v128.load(power, 224), l), lookup(v128.load(power, 480), h)));
    sf = v128.xor(sf, v128.xor(lookup(v128.load(power, 240), l), lookup(v128.load(power, 496), h)));
    power += POWER_SIZE;
  }

  // Together: Σ s(b) · z^(8b), even and odd b in two chains; the upper halves hold z^128 and more.
  let evenLow = se;
  let evenHigh = zero;
  let oddLow = sf;
  let oddHigh = zero;
  evenHigh = up2(evenLow, evenHigh);
  evenLow = v128.xor(up2(zero, evenLow), sc);
  oddHigh = up2(oddLow, oddHigh);
  oddLow = v128.xor(up2(zero, oddLow), sd);
  evenHigh = up2(evenLow, evenHigh);
  evenLow = v128.xor(up2(zero, evenLow), sa);
  oddHigh = up2(oddLow, oddHigh);
  oddLow = v128.xor(up2(zero, oddLow), sb);
  evenHigh = up2(evenLow, evenHigh);
  evenLow = v128.xor(up2(zero, evenLow), s8);
  oddHigh = up2(oddLow, oddHigh);
  oddLow = v128.xor(up2(zero, oddLow), s9);
  evenHigh = up2(evenLow, evenHigh);
  evenLow = v128.xor(up2(zero, evenLow), s6);
  oddHigh = up2(oddLow, oddHigh);
  oddLow = v128.xor(up2(zero, oddLow), s7);
  evenHigh = up2(evenLow, evenHigh);
  evenLow = v128.xor(up2(zero, evenLow), s4);
  oddHigh = up2(oddLow, oddHigh);
  oddLow = v128.xor(up2(zero, oddLow), s5);
  evenHigh = up2(evenLow, evenHigh);
  evenLow = v128.xor(up2(zero, evenLow), s2);
  oddHigh = up2(oddLow, oddHigh);
  oddLow = v128.xor(up2(zero, oddLow), s3);
  evenHigh = up2(evenLow, evenHigh);
  evenLow = v128.xor(up2(zero, evenLow), s0);
  oddHigh = up2(oddLow, oddHigh);
  oddLow = v128.xor(up2(zero, oddLow), s1);
  const sumHigh = v128.xor(evenHigh, up(oddLow, oddHigh));
  const sumLow = v128.xor(evenLow, up(zero, oddLow));

  // z^128 = 1 + z + z^2 + z^7: byte c above becomes c·(1 + z + z^2 + z^7), 15 bits, at its place and the next one. The
  // highest byte is z^(128+8·14), so that nothing reaches z^128 again.
  const lows = low(sumHigh, nibble);
  const highs = high(sumHigh, nibble);
  const here = v128.xor(lookup(v128.load(FOLD_LOW), lows), lookup(v128.load(FOLD_HIGH), highs));
  const next = v128.xor(lookup(v128.load(FOLD_LOW_NEXT), lows), lookup(v128.load(FOLD_HIGH_NEXT), highs));
  return v128.xor(v128.xor(sumLow, here), up(zero, next));
}

/** v · z: every bit one place on; what leaves at z^127 comes back as 1 + z + z^2 + z^7, 0xe1 in byte 0. */
function timesZ(v: v128): v128 {
  const moved = v128.or(i8x16.shr_u(v, 1), up(i64x2(0, 0), i8x16.shl(v, 7)));
  const left = i8x16.splat(<i8>(0 - (i8x16.extract_lane_u(v, 15) & 1)));
  return v128.xor(moved, v128.and(left, i8x16(<i8>0xe1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
}

/** Table of v·h for v = 0–15 at `table`, from `h8`, `h4`, `h2`, `h1` (v = 8, 4, 2, 1); vector b takes byte b of each. */
function expandHalf(table: usize, h8: v128, h4: v128, h2: v128, h1: v128, row: usize): void {
  for (let v: u32 = 0; v < 16; v++) {
    let product = i64x2(0, 0);
    if (v & 8) product = v128.xor(product, h8);
    if (v & 4) product = v128.xor(product, h4);
    if (v & 2) product = v128.xor(product, h2);
    if (v & 1) product = v128.xor(product, h1);
    v128.store(row, product);
    for (let b: usize = 0; b < 16; b++) store<u8>(table + b * 16 + v, load<u8>(row + b));
  }
}

/** Table of one power. The top bit of a byte is z^0: so the high nibble holds z^0 … z^3, the low one z^4 … z^7. */
function expandPower(table: usize, h: v128, row: usize): void {
  const z1 = timesZ(h);
  const z2 = timesZ(z1);
  const z3 = timesZ(z2);
  expandHalf(table + 256, h, z1, z2, z3, row);
  const z4 = timesZ(z3);
  const z5 = timesZ(z4);
  const z6 = timesZ(z5);
  expandHalf(table, z4, z5, z6, timesZ(z6), row);
}

/** Tables of H, H^2, H^3, H^4 at `tables`, POWERS × POWER_SIZE bytes. `row`: 16 bytes of scratch. */
export function expandPowers(tables: usize, h: v128, row: usize): void {
  expandPower(tables, h, row);
  let power = h;
  for (let table = tables + POWER_SIZE; table < tables + POWERS * POWER_SIZE; table += POWER_SIZE) {
    v128.store(row, power);
    power = hash(tables, i64x2(0, 0), row, 1);
    expandPower(table, power, row);
  }
}
