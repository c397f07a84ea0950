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
  return addLanes(a, b);
}

/** Of lanes of 32 bits, widened before they meet: four of them could exceed 32 bits. */
// @ts-ignore: decorator
@inline
function addLanes(a: v128, b: v128): u64 {
  const wide = i64x2.add(
    i64x2.add(i64x2.extend_low_i32x4_u(a), i64x2.extend_high_i32x4_u(a)),
    i64x2.add(i64x2.extend_low_i32x4_u(b), i64x2.extend_high_i32x4_u(b)),
  );
  return <u64>i64x2.extract_lane(wide, 0) + <u64>i64x2.extract_lane(wide, 1);
}

/** Copies `length` bytes (at most 64 KiB) that do not overlap; their sum, as `sum` has it. */
export function copySum(to: usize, from: usize, length: u32): u64 {
  const vectors = from + (length & ~63);
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  for (; from < vectors; from += 64) {
    const p = v128.load(from);
    const q = v128.load(from, 16);
    const r = v128.load(from, 32);
    const s = v128.load(from, 48);
    v128.store(to, p);
    v128.store(to, q, 16);
    v128.store(to, r, 32);
    v128.store(to, s, 48);
    a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(p));
    b = i32x4.add(b, i32x4.extadd_pairwise_i16x8_u(q));
    a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(r));
    b = i32x4.add(b, i32x4.extadd_pairwise_i16x8_u(s));
    to += 64;
  }
  let total = addLanes(a, b);
  const words = from + (length & 60);
  for (; from < words; from += 4) {
    const word = load<u32>(from);
    store<u32>(to, word);
    total += <u64>word;
    to += 4;
  }
  if (length & 2) {
    const half = load<u16>(from);
    store<u16>(to, half);
    total += <u64>half;
    from += 2;
    to += 2;
  }
  if (length & 1) {
    const byte = load<u8>(from);
    store<u8>(to, byte);
    total += <u64>byte;
  }
  return total;
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
