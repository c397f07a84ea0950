import { H0, H1, H2, H3, R0, R1, R2, R3, T1, T2, T3 } from "./poly1305";
import { lookup } from "./swizzle";

/*
 * ChaCha20 (RFC 8439 §2.1–2.4), four blocks at a time: vector i holds word i of four blocks, a lane is a block.
 *
 * The state lies in memory as 16 vectors: words 0–3 the constant, 4–11 the key, 12 the block counter, 13–15 the nonce.
 * The lanes need not belong to one packet nor to one key.
 */

/** Most pairs of Poly1305 blocks that `quad` takes: one for each of the ten double rounds. */
export const PAIRS: i32 = 10;

// Left rotations of each word. Those by whole bytes are a table look-up where relaxed-simd makes that one instruction; its
// masks come from memory, because V8 builds a v128 literal anew at each use. A plain swizzle costs more than shifts, and
// for half-words than a shuffle.
const TURN16 = memory.data<u8>([2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13], 16);
const TURN8 = memory.data<u8>([3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14], 16);
// @ts-ignore: decorator
@inline
function rotl16(x: v128, turn16: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return lookup(x, turn16);
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}
// @ts-ignore: decorator
@inline
function rotl8(x: v128, turn8: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return lookup(x, turn8);
  return v128.or(i32x4.shl(x, 8), i32x4.shr_u(x, 24));
}
// @ts-ignore: decorator
@inline
function rotl12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}
// @ts-ignore: decorator
@inline
function rotl7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

/**
 * Keeps what stands before it before what stands after it. Without it the optimiser of asc folds each quarter round into
 * one expression, so that the four come one after another, each a chain of 17 cycles; a processor does not look far enough
 * ahead to run all four at once. Row by row they run side by side: 150 ns instead of 166 for 256 bytes (Zen 4, Node 26).
 * V8 sees that it is the same question each time and asks it once.
 */
// @ts-ignore: decorator
@inline
function pin(pairs: i32): void {
  if (pairs > PAIRS) unreachable();
}

/** Word `word` of all four blocks plus what it was before the rounds (RFC 8439 §2.3: the state is added at the end). */
// @ts-ignore: decorator
@inline
function added(x: v128, state: usize, word: usize): v128 {
  return i32x4.add(x, v128.load(state + word * 16));
}

/** Transposes words a–d of four blocks and adds them (xor) to the text: 16 bytes in each of the four blocks. */
// @ts-ignore: decorator
@inline
function emit(text: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const cd = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const AB = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const CD = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const block0 = i8x16.shuffle(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
  const block1 = i8x16.shuffle(ab, cd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  const block2 = i8x16.shuffle(AB, CD, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
  const block3 = i8x16.shuffle(AB, CD, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  v128.store(text, v128.xor(v128.load(text), block0));
  v128.store(text, v128.xor(v128.load(text, 64), block1), 64);
  v128.store(text, v128.xor(v128.load(text, 128), block2), 128);
  v128.store(text, v128.xor(v128.load(text, 192), block3), 192);
}

/**
 * Adds (xor) four blocks of keystream to 256 bytes at `text`, and moves the counters of `state` on by 4.
 *
 * On the way it takes 2 × `pairs` (0–PAIRS, else it traps) message blocks from `from` into the Poly1305 context `mac`.
 * The two have nothing to do with each other, but ChaCha20 waits for its vector ports and Poly1305 needs the integer
 * ones: sixteen blocks cost next to nothing beside the rounds. All of `from` is read before `text` is written: they may
 * be the same.
 */
export function quad(state: usize, text: usize, mac: usize, from: usize, pairs: i32): void {
  let x0 = v128.load(state);
  let x1 = v128.load(state, 16);
  let x2 = v128.load(state, 32);
  let x3 = v128.load(state, 48);
  let x4 = v128.load(state, 64);
  let x5 = v128.load(state, 80);
  let x6 = v128.load(state, 96);
  let x7 = v128.load(state, 112);
  let x8 = v128.load(state, 128);
  let x9 = v128.load(state, 144);
  let xa = v128.load(state, 160);
  let xb = v128.load(state, 176);
  let xc = v128.load(state, 192);
  let xd = v128.load(state, 208);
  let xe = v128.load(state, 224);
  let xf = v128.load(state, 240);

  const r0 = load<u64>(mac, R0);
  const r1 = load<u64>(mac, R1);
  const r2 = load<u64>(mac, R2);
  const r3 = load<u64>(mac, R3);
  const t1 = load<u64>(mac, T1);
  const t2 = load<u64>(mac, T2);
  const t3 = load<u64>(mac, T3);
  let h0 = load<u64>(mac, H0);
  let h1 = load<u64>(mac, H1);
  let h2 = load<u64>(mac, H2);
  let h3 = load<u64>(mac, H3);

  const turn16 = v128.load(TURN16);
  const turn8 = v128.load(TURN8);
  for (let i = 0; i < PAIRS; i++) {
    // Column round.
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    xc = rotl16(v128.xor(xc, x0), turn16);
    xd = rotl16(v128.xor(xd, x1), turn16);
    xe = rotl16(v128.xor(xe, x2), turn16);
    xf = rotl16(v128.xor(xf, x3), turn16);
    pin(pairs);
    x8 = i32x4.add(x8, xc);
    x9 = i32x4.add(x9, xd);
    xa = i32x4.add(xa, xe);
    xb = i32x4.add(xb, xf);
    x4 = rotl12(v128.xor(x4, x8));
    x5 = rotl12(v128.xor(x5, x9));
    x6 = rotl12(v128.xor(x6, xa));
    x7 = rotl12(v128.xor(x7, xb));
    pin(pairs);
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    xc = rotl8(v128.xor(xc, x0), turn8);
    xd = rotl8(v128.xor(xd, x1), turn8);
    xe = rotl8(v128.xor(xe, x2), turn8);
    xf = rotl8(v128.xor(xf, x3), turn8);
    pin(pairs);
    x8 = i32x4.add(x8, xc);
    x9 = i32x4.add(x9, xd);
    xa = i32x4.add(xa, xe);
    xb = i32x4.add(xb, xf);
    x4 = rotl7(v128.xor(x4, x8));
    x5 = rotl7(v128.xor(x5, x9));
    x6 = rotl7(v128.xor(x6, xa));
    x7 = rotl7(v128.xor(x7, xb));
    pin(pairs);
    if (i < pairs) {
      const s0 = h0 + <u64>load<u32>(from);
      const s1 = h1 + <u64>load<u32>(from, 4);
      const s2 = h2 + <u64>load<u32>(from, 8);
      const s3 = h3 + <u64>load<u32>(from, 12) + 0x100000000;
      const p0 = s0 * r0 + s1 * t3 + s2 * t2 + s3 * t1;
      const p1 = s0 * r1 + s1 * r0 + s2 * t3 + s3 * t2 + (p0 >> 32);
      const p2 = s0 * r2 + s1 * r1 + s2 * r0 + s3 * t3 + (p1 >> 32);
      const p3 = s0 * r3 + s1 * r2 + s2 * r1 + s3 * r0 + (p2 >> 32);
      h0 = (p0 & 0xffffffff) + (p3 >> 34) * 5;
      h1 = p1 & 0xffffffff;
      h2 = p2 & 0xffffffff;
      h3 = p3 & 0x3ffffffff;
    }

    // Diagonal round.
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    xf = rotl16(v128.xor(xf, x0), turn16);
    xc = rotl16(v128.xor(xc, x1), turn16);
    xd = rotl16(v128.xor(xd, x2), turn16);
    xe = rotl16(v128.xor(xe, x3), turn16);
    pin(pairs);
    xa = i32x4.add(xa, xf);
    xb = i32x4.add(xb, xc);
    x8 = i32x4.add(x8, xd);
    x9 = i32x4.add(x9, xe);
    x5 = rotl12(v128.xor(x5, xa));
    x6 = rotl12(v128.xor(x6, xb));
    x7 = rotl12(v128.xor(x7, x8));
    x4 = rotl12(v128.xor(x4, x9));
    pin(pairs);
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    xf = rotl8(v128.xor(xf, x0), turn8);
    xc = rotl8(v128.xor(xc, x1), turn8);
    xd = rotl8(v128.xor(xd, x2), turn8);
    xe = rotl8(v128.xor(xe, x3), turn8);
    pin(pairs);
    xa = i32x4.add(xa, xf);
    xb = i32x4.add(xb, xc);
    x8 = i32x4.add(x8, xd);
    x9 = i32x4.add(x9, xe);
    x5 = rotl7(v128.xor(x5, xa));
    x6 = rotl7(v128.xor(x6, xb));
    x7 = rotl7(v128.xor(x7, x8));
    x4 = rotl7(v128.xor(x4, x9));
    pin(pairs);
    if (i < pairs) {
      const s0 = h0 + <u64>load<u32>(from, 16);
      const s1 = h1 + <u64>load<u32>(from, 20);
      const s2 = h2 + <u64>load<u32>(from, 24);
      const s3 = h3 + <u64>load<u32>(from, 28) + 0x100000000;
      const p0 = s0 * r0 + s1 * t3 + s2 * t2 + s3 * t1;
      const p1 = s0 * r1 + s1 * r0 + s2 * t3 + s3 * t2 + (p0 >> 32);
      const p2 = s0 * r2 + s1 * r1 + s2 * r0 + s3 * t3 + (p1 >> 32);
      const p3 = s0 * r3 + s1 * r2 + s2 * r1 + s3 * r0 + (p2 >> 32);
      h0 = (p0 & 0xffffffff) + (p3 >> 34) * 5;
      h1 = p1 & 0xffffffff;
      h2 = p2 & 0xffffffff;
      h3 = p3 & 0x3ffffffff;
      from += 32;
    }
  }

  store<u64>(mac, h0, H0);
  store<u64>(mac, h1, H1);
  store<u64>(mac, h2, H2);
  store<u64>(mac, h3, H3);

  emit(text, added(x0, state, 0), added(x1, state, 1), added(x2, state, 2), added(x3, state, 3));
  emit(text + 16, added(x4, state, 4), added(x5, state, 5), added(x6, state, 6), added(x7, state, 7));
  emit(text + 32, added(x8, state, 8), added(x9, state, 9), added(xa, state, 10), added(xb, state, 11));
  emit(text + 48, added(xc, state, 12), added(xd, state, 13), added(xe, state, 14), added(xf, state, 15));
  v128.store(state, i32x4.add(v128.load(state, 192), i32x4.splat(4)), 192);
}

/** Words 0–3 of every block: "expa" "nd 3" "2-by" "te k", little-endian. */
export function constants(state: usize): void {
  v128.store(state, i32x4.splat(0x61707865));
  v128.store(state, i32x4.splat(0x3320646e), 16);
  v128.store(state, i32x4.splat(0x79622d32), 32);
  v128.store(state, i32x4.splat(0x6b206574), 48);
}

/**
 * State for four consecutive blocks of one packet, the first of them number `counter`. `key`: 32 bytes, `nonce`: 12
 * bytes. The constants are in place already.
 */
export function packetState(state: usize, key: usize, nonce: usize, counter: u32): void {
  for (let word: usize = 0; word < 8; word++) {
    v128.store(state + word * 16, v128.load_splat<u32>(key + word * 4), 64);
  }
  v128.store(state, i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3)), 192);
  v128.store(state, v128.load_splat<u32>(nonce), 208);
  v128.store(state, v128.load_splat<u32>(nonce, 4), 224);
  v128.store(state, v128.load_splat<u32>(nonce, 8), 240);
}

/** Bytes of a block as `row` writes it. */
const ROW: usize = 48;

/**
 * Notes block number `counter` of one packet as row `lane` (0–3) of `rows`: key, counter, nonce. It reads the 4 bytes
 * before the nonce too, which are the op's.
 */
export function row(rows: usize, lane: u32, key: usize, nonce: usize, counter: u32): void {
  const at = rows + lane * ROW;
  v128.store(at, v128.load(key));
  v128.store(at, v128.load(key, 16), 16);
  v128.store(at, i32x4.replace_lane(v128.load(nonce - 4), 0, counter), 32);
}

/**
 * State whose lanes are the four blocks at `rows`. The constants are in place already. Written word by word the state
 * could not be read back before all the words had reached the cache: no processor joins small stores for one wide load.
 */
export function rowState(state: usize, rows: usize): void {
  for (let part: usize = 0; part < ROW; part += 16) {
    const a = v128.load(rows + part);
    const b = v128.load(rows + part, ROW);
    const c = v128.load(rows + part, 2 * ROW);
    const d = v128.load(rows + part, 3 * ROW);
    const ab = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const cd = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const AB = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const CD = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const to = state + part * 4;
    v128.store(to, i8x16.shuffle(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 64);
    v128.store(to, i8x16.shuffle(ab, cd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 80);
    v128.store(to, i8x16.shuffle(AB, CD, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 96);
    v128.store(to, i8x16.shuffle(AB, CD, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 112);
  }
}
