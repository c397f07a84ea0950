import { encrypt } from "./aes";
import { substitute } from "./sbox";
import { addRows, SLICES_SIZE, spread } from "./slices";

/*
 * AES key expansion (FIPS 197 §5.2) without look-ups that depend on the key, and the round keys as the rounds want them:
 * in slices, 256 bytes each. The S-box circuit leaves out its constant 0x63 (sbox.ts). As MixColumns maps four equal bytes
 * to themselves, it can be added with the round key instead: every round key but the first is key + 0x63.
 */

/** Rounds for a key of `keyLength` (16 or 32) bytes; there is one round key more. */
// @ts-ignore: decorator
@inline
export function roundsOf(keyLength: u32): u32 {
  return keyLength / 4 + 6;
}

/** SubWord, with the circuit of the rounds. `slices`: 256 bytes of scratch. */
function substituteWord(word: u32, slices: usize): u32 {
  for (let b: u32 = 0; b < 8; b++) store<u32>(slices + b * 32, (word >> b) & 0x01010101);
  substitute(slices);
  let result: u32 = 0x63636363;
  for (let b: u32 = 0; b < 8; b++) result ^= (load<u32>(slices + b * 32) & 0x01010101) << b;
  return result;
}

/** Expands `key` into round keys at `keys`, (rounds + 1) × 256 bytes. `scratch`: 512 bytes. */
export function expandRounds(keys: usize, key: usize, keyLength: u32, scratch: usize): void {
  const words = scratch + SLICES_SIZE;
  const keyWords = keyLength / 4;
  const rounds = roundsOf(keyLength);
  const total: u32 = 4 * (rounds + 1);
  memory.copy(words, key, keyLength);
  let constant: u32 = 1; // x^(n−1) in GF(2^8): at most ten of them
  for (let n = keyWords; n < total; n++) {
    let word = load<u32>(words + (n - 1) * 4);
    if (n % keyWords == 0) {
      // RotWord: words are little-endian here, so the first byte is the lowest.
      word = substituteWord(rotr(word, 8), scratch) ^ constant;
      constant = (constant << 1) ^ (constant & 0x80 ? 0x11b : 0);
    } else if (keyWords == 8 && n % 8 == 4) {
      word = substituteWord(word, scratch);
    }
    store<u32>(words + n * 4, word ^ load<u32>(words + (n - keyWords) * 4));
  }

  for (let round: u32 = 0; round <= rounds; round++) {
    const block = v128.load(words + round * 16);
    spread(round == 0 ? block : v128.xor(block, i8x16.splat(0x63)), keys + round * SLICES_SIZE);
  }
}

/** The encryption of a block of zeros: GHASH's H. `scratch`: 512 bytes. */
export function encryptZero(keys: usize, rounds: u32, scratch: usize): v128 {
  // Zeros with round key 0 added are round key 0. All sixteen blocks come out the same; the first is taken.
  const rows = scratch + SLICES_SIZE;
  memory.copy(scratch, keys, SLICES_SIZE);
  memory.fill(rows, 0, SLICES_SIZE);
  encrypt(scratch, keys, rounds);
  addRows(scratch, rows);
  return v128.load(rows);
}
