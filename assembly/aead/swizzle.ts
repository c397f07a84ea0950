/**
 * Table look-up, sixteen at once: lane i of the result is table[index[i]], or 0 where index[i] ≥ 0x80.
 *
 * The only place where the two builds of the fast path differ. Every caller keeps its indices in 0–15 or ≥ 0x80, where all
 * platforms agree on `relaxed_swizzle` as well. The plain swizzle must also yield 0 for 16–127, which costs an extra
 * saturating add on x86-64; it is for engines without relaxed-simd (src/datapath/module.ts chooses).
 */
// @ts-ignore: decorator
@inline
export function lookup(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index);
  return i8x16.swizzle(table, index);
}

/** Sixteen times 0x0f, for `low` and `high`. In memory for the reason given in slices.ts. */
export const NIBBLE = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);

/** Low nibble of each byte: always a valid index. `nibble`: what lies at NIBBLE. */
// @ts-ignore: decorator
@inline
export function low(x: v128, nibble: v128): v128 {
  return v128.and(x, nibble);
}

/** High nibble of each byte, moved down. */
// @ts-ignore: decorator
@inline
export function high(x: v128, nibble: v128): v128 {
  return v128.and(i16x8.shr_u(x, 4), nibble);
}
