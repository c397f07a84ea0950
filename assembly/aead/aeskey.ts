import { encrypt, SLICES_SIZE, substitute, tower, TOWER_63 } from "./aes";

/*
 * AES key expansion (FIPS 197 §5.2) without look-ups that depend on the key, and the round keys as the rounds want them:
 * every byte splatted into a vector of its own, 256 bytes a round key.
 *
 *   round 0            φ(key)
 *   rounds 1 … Nr − 1  φ(key) + φ(0x63)
 *   round Nr           key + 0x63, plain
 */

/** Round keys for a key of `keyLength` (16 or 32) bytes, less one. */
// @ts-ignore: decorator
@inline
export function roundsOf(keyLength: u32): u32 {
  return keyLength / 4 + 6;
}

/** SubWord. */
function substituteWord(word: u32): u32 {
  return i32x4.extract_lane(substitute(i32x4.splat(word)), 0);
}

/** Expands `key` into splatted round keys at `keys`, (rounds + 1) × 256 bytes. `words`: 240 bytes of scratch. */
export function expandRounds(keys: usize, key: usize, keyLength: u32, words: usize): void {
  const keyWords = keyLength / 4;
  const rounds = roundsOf(keyLength);
  const total: u32 = 4 * (rounds + 1);
  memory.copy(words, key, keyLength);
  let constant: u32 = 1; // x^(n−1) in GF(2^8), of which no key needs more than ten
  for (let n = keyWords; n < total; n++) {
    let word = load<u32>(words + (n - 1) * 4);
    if (n % keyWords == 0) {
      // RotWord: words are little-endian here, so the first byte is the lowest.
      word = substituteWord(rotr(word, 8)) ^ constant;
      constant = (constant << 1) ^ (constant & 0x80 ? 0x11b : 0);
    } else if (keyWords == 8 && n % 8 == 4) {
      word = substituteWord(word);
    }
    store<u32>(words + n * 4, word ^ load<u32>(words + (n - keyWords) * 4));
  }

  for (let round: u32 = 0; round <= rounds; round++) {
    let row = v128.load(words + round * 16);
    if (round == rounds) row = v128.xor(row, i8x16.splat(0x63));
    else if (round == 0) row = tower(row);
    else row = v128.xor(tower(row), i8x16.splat(TOWER_63));
    v128.store(words + round * 16, row);
    splat(words + round * 16, keys + round * SLICES_SIZE);
  }
}

/** Byte n of the 16 at `from` into all lanes of vector n at `to`. */
export function splat(from: usize, to: usize): void {
  for (let n: usize = 0; n < 16; n++) v128.store(to + n * 16, v128.load_splat<u8>(from + n));
}

/** The encryption of a block of zeros: GHASH's H. `slices`: 512 bytes of scratch. */
export function encryptZero(keys: usize, rounds: u32, slices: usize): v128 {
  // Zeros with round key 0 added are round key 0. All sixteen blocks are equal: lane 0 of slice n is byte n of H.
  const result = encrypt(keys, keys, rounds, slices);
  for (let n: usize = 0; n < 16; n++) store<u8>(result + n, load<u8>(result + n * 16));
  return v128.load(result);
}
