/*
 * Poly1305 (RFC 8439 §2.5) over integers of 64 bits.
 *
 * The accumulator is h = h0 + h1·2^32 + h2·2^64 + h3·2^96. For each block m of 16 bytes:
 *
 *   h = (h + m + 2^128) · r  mod  2^130 − 5,      r = r0 + r1·2^32 + r2·2^64 + r3·2^96, clamped
 *
 * Clamping (§2.5.1) leaves r_i < 2^28 and r1, r2, r3 multiples of 4. So a product of weight 2^(128+32j) that has the
 * factor r_i, i ≥ 1, is brought back exactly: 2^128 · r_i = 2^130 · (r_i / 4) = 5 · r_i / 4 = t_i; no product is wider
 * than one i64.mul. The top limb keeps all of its 34 bits, and so 16 products make a block. What is left above 2^130
 * (p3 >> 34) returns to limb 0 times 5.
 *
 * Bounds, in units of 2^32 for the sums s_i and of 2^60 for the products p_i, which must stay below 16: r_i < 2^28 and
 * t_i ≤ 1.25 · 2^28. After a block h1, h2 < 1 and h3 < 4; with the message s1, s2 < 2 and s3 < 4 + 1 + 1 = 6. Were
 * p3 < 13.1, then 5 · (p3 >> 34) < 1.03 and s0 < 1 + 1.03 + 1 = 3.03. That gives p0 < 3.03 + 1.25 · (2 + 2 + 6) = 15.6,
 * p1 < 3.03 + 2 + 1.25 · (2 + 6) + 2^-28 < 15.1, p2 < 3.03 + 2 + 2 + 1.25 · 6 + 2^-28 < 14.6, and
 * p3 < 3.03 + 2 + 2 + 6 + 2^-28 < 13.1 as was said. No sum overflows, and no carry is needed after the addition.
 *
 * The block step stands three times: here, and twice among the rounds of ChaCha20 (chacha20.ts), because a function
 * cannot return four limbs and memory between blocks would double the latency.
 */

// The context in memory: u64 each.
export const R0: usize = 0;
export const R1: usize = 8;
export const R2: usize = 16;
export const R3: usize = 24;
export const T1: usize = 32;
export const T2: usize = 40;
export const T3: usize = 48;
export const H0: usize = 56;
export const H1: usize = 64;
export const H2: usize = 72;
export const H3: usize = 80;
/** 16 bytes, the second half of the one-time key, added at the end. */
export const PAD: usize = 96;
/** Bytes of a context. */
export const MAC_SIZE: usize = 128;

/** Starts a MAC with the 32-byte one-time key at `key` (RFC 8439 §2.6). */
export function begin(mac: usize, key: usize): void {
  const r0 = (<u64>load<u32>(key)) & 0x0fffffff;
  const r1 = (<u64>load<u32>(key, 4)) & 0x0ffffffc;
  const r2 = (<u64>load<u32>(key, 8)) & 0x0ffffffc;
  const r3 = (<u64>load<u32>(key, 12)) & 0x0ffffffc;
  store<u64>(mac, r0, R0);
  store<u64>(mac, r1, R1);
  store<u64>(mac, r2, R2);
  store<u64>(mac, r3, R3);
  store<u64>(mac, r1 + (r1 >> 2), T1);
  store<u64>(mac, r2 + (r2 >> 2), T2);
  store<u64>(mac, r3 + (r3 >> 2), T3);
  store<u64>(mac, 0, H0);
  store<u64>(mac, 0, H1);
  store<u64>(mac, 0, H2);
  store<u64>(mac, 0, H3);
  v128.store(mac, v128.load(key, 16), PAD);
}

/** Takes in `blocks` whole blocks of 16 bytes at `from`. */
export function absorb(mac: usize, from: usize, blocks: u32): void {
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

  for (; blocks != 0; blocks--) {
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
    from += 16;
  }

  store<u64>(mac, h0, H0);
  store<u64>(mac, h1, H1);
  store<u64>(mac, h2, H2);
  store<u64>(mac, h3, H3);
}

/** The tag: (h mod 2^130 − 5) + pad mod 2^128. */
export function finish(mac: usize): v128 {
  // Full carry: each limb below 2^32, h4 below 4.
  let h0 = load<u64>(mac, H0);
  let h1 = load<u64>(mac, H1) + (h0 >> 32);
  let h2 = load<u64>(mac, H2) + (h1 >> 32);
  let h3 = load<u64>(mac, H3) + (h2 >> 32);
  const h4 = h3 >> 32;
  h0 = (h0 & 0xffffffff) + (h4 >> 2) * 5;
  h1 = (h1 & 0xffffffff) + (h0 >> 32);
  h2 = (h2 & 0xffffffff) + (h1 >> 32);
  h3 = (h3 & 0xffffffff) + (h2 >> 32);
  const top = (h4 & 3) + (h3 >> 32);

  // h ≥ p exactly when h + 5 reaches 2^130; then h − p is h + 5 without that bit. So adding 5 once more, or not, decided
  // by a number and not by a branch; everything from 2^128 up falls away.
  const f0 = (h0 & 0xffffffff) + 5;
  const f1 = (h1 & 0xffffffff) + (f0 >> 32);
  const f2 = (h2 & 0xffffffff) + (f1 >> 32);
  const f3 = (h3 & 0xffffffff) + (f2 >> 32);
  const over = (top + (f3 >> 32)) >> 2;

  let sum = (h0 & 0xffffffff) + over * 5 + <u64>load<u32>(mac, PAD);
  const tag0 = sum & 0xffffffff;
  sum = (sum >> 32) + (h1 & 0xffffffff) + <u64>load<u32>(mac, PAD + 4);
  const tag1 = sum & 0xffffffff;
  sum = (sum >> 32) + (h2 & 0xffffffff) + <u64>load<u32>(mac, PAD + 8);
  const tag2 = sum & 0xffffffff;
  sum = (sum >> 32) + (h3 & 0xffffffff) + <u64>load<u32>(mac, PAD + 12);
  return i64x2(<i64>(tag0 | (tag1 << 32)), <i64>(tag2 | (sum << 32)));
}
