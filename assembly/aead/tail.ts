/*
 * The last bytes of a text. Nothing here touches a byte outside [at, at + length): what follows a text is its tag, and
 * then another packet. Lengths are public, so branching on them is fine.
 */

/** The `length` (0–15) bytes at `at`, then zeros. */
export function loadPadded(at: usize, length: u32): v128 {
  let low: u64 = 0;
  let high: u64 = 0;
  // Taken from the end: what was read so far moves up to make room for what stands before it.
  let end = at + length;
  if (length & 1) low = <u64>load<u8>((end -= 1));
  if (length & 2) low = (low << 16) | (<u64>load<u16>((end -= 2)));
  if (length & 4) low = (low << 32) | (<u64>load<u32>((end -= 4)));
  if (length & 8) {
    high = low;
    low = load<u64>(end - 8);
  }
  return i64x2(<i64>low, <i64>high);
}

/** Adds (xor) `length` bytes of keystream at `stream` to the text. Reads the stream in whole vectors. */
export function addStream(text: usize, length: u32, stream: usize): void {
  for (; length >= 16; length -= 16) {
    v128.store(text, v128.xor(v128.load(text), v128.load(stream)));
    text += 16;
    stream += 16;
  }
  if (length & 8) {
    store<u64>(text, load<u64>(text) ^ load<u64>(stream));
    text += 8;
    stream += 8;
  }
  if (length & 4) {
    store<u32>(text, load<u32>(text) ^ load<u32>(stream));
    text += 4;
    stream += 4;
  }
  if (length & 2) {
    store<u16>(text, load<u16>(text) ^ load<u16>(stream));
    text += 2;
    stream += 2;
  }
  if (length & 1) store<u8>(text, load<u8>(text) ^ load<u8>(stream));
}

/** 1 if the 16 bytes at `at` equal `tag`, else 0, in the same time wherever they differ. */
export function equal(at: usize, tag: v128): u32 {
  const difference = v128.xor(v128.load(at), tag);
  return <u32>!v128.any_true(difference);
}
