// SipHash-1-3: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, with one round a word and three at the end. Keyed
// with 16 random bytes at each start: whoever sends packets cannot choose them so that their flows share a bucket.
//
// The round stands here twice, since four words that a function changes cannot stay in registers: an inlined round over globals takes
// 11.9 ns a key of IPv4 and 16.8 of IPv6, one loop for words and end 12.4 and 19.0, and this 11.7 and 15.3.

let key0: u64 = 0;
let key1: u64 = 0;

/** Takes the 16 bytes at `at` as the key. Once for each instance. */
export function keyHash(at: usize): void {
  key0 = load<u64>(at);
  key1 = load<u64>(at, 8);
}

/** Hash of the words from `at` to before `end`, and of `last`, which bears the length as the specification has it (§2.2). */
// @ts-ignore: decorator
@inline
export function sipHash(at: usize, end: usize, last: u64): u64 {
  let v0 = key0 ^ 0x736f6d6570736575;
  let v1 = key1 ^ 0x646f72616e646f6d;
  let v2 = key0 ^ 0x6c7967656e657261;
  let v3 = key1 ^ 0x7465646279746573;
  for (; at <= end; at += 8) {
    const word = at < end ? load<u64>(at) : last;
    v3 ^= word;
    v0 += v1;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v0 = rotl<u64>(v0, 32);
    v2 += v3;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
    v0 ^= word;
  }
  v2 ^= 0xff;
  for (let round: u32 = 0; round < 3; round++) {
    v0 += v1;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v0 = rotl<u64>(v0, 32);
    v2 += v3;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
  }
  return v0 ^ v1 ^ v2 ^ v3;
}
