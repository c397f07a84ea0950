// The Internet checksum, RFC 1071: the ones' complement of the ones' complement sum of 16-bit words. The sum does not mind
// the byte order as long as words are loaded and stored alike (§2 B), so everything here works on little-endian words.

/** From here on vectors are worth their while. */
const VECTORED: u32 = 64;

/** Sum of `length` bytes (at most 64 KiB), not folded; an odd last byte counts as the first byte of a word. */
export function sum(at: usize, length: u32): u64 {
  let total: u64 = 0;
  if (length >= VECTORED) {
    const vectors = length & ~63;
    total = sumVectors(at, vectors);
    at += vectors;
    length -= vectors;
  }
  const words = at + (length & ~3);
  for (; at < words; at += 4) total += <u64>load<u32>(at);
  if (length & 2) {
    total += <u64>load<u16>(at);
    at += 2;
  }
  if (length & 1) total += <u64>load<u8>(at);
  return total;
}

/** Sum of the 16-bit words of `length` bytes, a multiple of 64. Lanes of 32 bits hold 512 KiB of them. */
function sumVectors(at: usize, length: u32): u64 {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  const end = at + length;
  for (; at < end; at += 64) {
    a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(v128.load(at)));
    b = i32x4.add(b, i32x4.extadd_pairwise_i16x8_u(v128.load(at, 16)));
    a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(v128.load(at, 32)));
    b = i32x4.add(b, i32x4.extadd_pairwise_i16x8_u(v128.load(at, 48)));
  }
  // Widened before the lanes meet: four of them could exceed 32 bits.
  const wide = i64x2.add(
    i64x2.add(i64x2.extend_low_i32x4_u(a), i64x2.extend_high_i32x4_u(a)),
    i64x2.add(i64x2.extend_low_i32x4_u(b), i64x2.extend_high_i32x4_u(b)),
  );
  return <u64>i64x2.extract_lane(wide, 0) + <u64>i64x2.extract_lane(wide, 1);
}

/** Folds a sum to 16 bits. */
export function fold(total: u64): u32 {
  total = (total & 0xffffffff) + (total >> 32);
  total = (total & 0xffffffff) + (total >> 32);
  let folded = <u32>((total & 0xffff) + (total >> 16));
  folded = (folded & 0xffff) + (folded >> 16);
  return (folded & 0xffff) + (folded >> 16);
}

/** The checksum field for a sum, to be stored as a little-endian u16. */
// @ts-ignore: decorator
@inline
export function checksum(total: u64): u16 {
  return <u16>~fold(total);
}

/** Corrects the checksum field at `field` after a 16-bit word went from `before` to `after`: RFC 1624, equation 3. */
export function patch(field: usize, before: u32, after: u32): void {
  const total = (~(<u32>load<u16>(field)) & 0xffff) + (~before & 0xffff) + (after & 0xffff);
  store<u16>(field, <u16>~fold(<u64>total));
}
