import { OP_AAD, OP_AAD_LENGTH, OP_LENGTH, OP_NONCE, OP_OK, OP_TEXT } from "../layout/arena";
import { SA_KEY, SA_RAW_KEY } from "../layout/sa";
import { encrypt, encryptPair } from "./aes";
import { encryptZero, expandRounds, roundsOf } from "./aeskey";
import { expandPowers, hash, POWER_SIZE, POWERS } from "./ghash";
import { CHUNK, group, grouped, ROWS, SLICES, STAGE, STATE, STREAM } from "./scratch";
import { addRows, slice, SLICES_SIZE, spread } from "./slices";
import { addStream, equal, loadPadded } from "./tail";

/*
 * AES-GCM with 16-byte tags (NIST SP 800-38D; ESP: RFC 4106), a group of packets of one SA at a time.
 *
 * Counter 1 of a packet makes the mask of its tag, counters 2, 3, … cover the text. Sixteen blocks are made at once; as in
 * chacha20poly1305.ts the mask and what is left after whole chunks are loose blocks, and those of the whole group (one
 * key, so one SA) are made side by side first.
 *
 *   SA_KEY  │ round keys in slices, up to 15 × 256 │ GHASH tables 2048 │ SA_RAW_KEY 64
 *   STREAM  │ mask 16 │ last bytes' keystream 0–16 × 16 │ mask 16 │ …
 */

const BLOCK: u32 = 16;
/** Offset of the GHASH tables in SA_KEY: behind the round keys of AES-256. */
const TABLES: usize = 15 * SLICES_SIZE;

/** Sets up the slot at `sa` for a key of 16 or 32 bytes. Uses up, and clears, what lies at SA_RAW_KEY. */
export function expand(sa: usize, key: usize, keyLength: u32): void {
  const keys = sa + SA_KEY;
  const tables = keys + TABLES;
  const rest = sa + SA_RAW_KEY;
  // The tables' space serves as scratch until the tables are made, and is overwritten by them.
  expandRounds(keys, key, keyLength, tables);
  expandPowers(tables, encryptZero(keys, roundsOf(keyLength), tables), rest);
  v128.store(rest, i64x2(0, 0));
}

/** Loose blocks of a text: the tag's mask and the keystream of what is left after whole chunks. */
// @ts-ignore: decorator
@inline
function looseCount(length: u32): u32 {
  return 1 + ((length & (CHUNK - 1)) + BLOCK - 1) / BLOCK;
}

/** Turns the counter blocks in ROWS into 256 bytes of keystream at `stream`. */
function fill(keys: usize, rounds: u32, stream: usize, scratch: usize): void {
  const slices = scratch + SLICES;
  slice(scratch + ROWS, slices);
  addKey(slices, slices, keys);
  encrypt(slices, keys, rounds);
  memory.fill(stream, 0, CHUNK);
  addRows(slices, stream);
}

/** Round key `key` added to `from`, written to `to`. */
function addKey(from: usize, to: usize, key: usize): void {
  for (let n: usize = 0; n < SLICES_SIZE; n += 16) {
    v128.store(to + n, v128.xor(v128.load(from + n), v128.load(key + n)));
  }
}

/** Makes the loose blocks of all packets of the group. */
function looseBlocks(count: u32, keys: usize, rounds: u32, scratch: usize): void {
  let stream = scratch + STREAM;
  let row: u32 = 0;
  for (let n: u32 = 0; n < count; n++) {
    const op = grouped(scratch, n);
    const nonce = v128.load(op, OP_NONCE);
    const length = load<u32>(op, OP_LENGTH);
    let counter: u32 = 1;
    for (let left = looseCount(length); left != 0; left--) {
      v128.store(scratch + ROWS + row * BLOCK, i32x4.replace_lane(nonce, 3, bswap(counter)));
      counter = counter == 1 ? 2 + (length / CHUNK) * (CHUNK / BLOCK) : counter + 1;
      if (++row == CHUNK / BLOCK) {
        fill(keys, rounds, stream, scratch);
        stream += CHUNK;
        row = 0;
      }
    }
  }
  if (row != 0) fill(keys, rounds, stream, scratch);
}

/**
 * Adds (xor) keystream from counter 2 on to the whole chunks of a text, up to `end`. Of the sixteen blocks of a chunk only
 * bytes 14 and 15, the lower half of the counter, are not the same throughout; the upper half is 0, as no text has 2^16
 * blocks. So the rest is put into slices once, and the counter's bits go straight into their units.
 */
function addChunks(text: usize, end: usize, nonce: usize, keys: usize, rounds: u32, scratch: usize): void {
  const base = scratch + STATE;
  const slices = scratch + SLICES;
  spread(i32x4.replace_lane(v128.load(nonce), 3, 0), base);
  let counter: u32 = 2;
  while (text < end) {
    count(base, counter);
    addKey(base, slices, keys);
    if (end - text > CHUNK) {
      count(base, counter + 16);
      addKey(base, slices + SLICES_SIZE, keys);
      encryptPair(slices, keys, rounds);
      addRows(slices, text);
      addRows(slices + SLICES_SIZE, text + CHUNK);
      text += 2 * CHUNK;
      counter += 32;
    } else {
      encrypt(slices, keys, rounds);
      addRows(slices, text);
      text += CHUNK;
    }
  }
}

/** Puts the counters `first` … `first` + 15 (below 2^16) into slices. Unit 3 of row 2 is byte 14, unit 7 of row 3 byte 15. */
function count(slices: usize, first: u32): void {
  const counters0 = i16x8.add(i16x8.splat(<i16>first), i16x8(0, 1, 2, 3, 4, 5, 6, 7));
  const counters8 = i16x8.add(i16x8.splat(<i16>first), i16x8(8, 9, 10, 11, 12, 13, 14, 15));
  let upper = i8x16.narrow_i16x8_u(i16x8.shr_u(counters0, 8), i16x8.shr_u(counters8, 8));
  let lower = i8x16.narrow_i16x8_u(v128.and(counters0, i16x8.splat(0xff)), v128.and(counters8, i16x8.splat(0xff)));
  // The top bits of sixteen bytes make a unit.
  for (let at = slices + 224 + 16; at > slices; at -= 32) {
    store<u16>(at, <u16>i8x16.bitmask(upper), 6);
    store<u16>(at, <u16>i8x16.bitmask(lower), 14);
    upper = i8x16.add(upper, upper);
    lower = i8x16.add(lower, lower);
  }
}

/**
 * GHASH over AAD, ciphertext and their lengths in bits (SP 800-38D §7.1 step 5). Four blocks cost little more than one
 * (ghash.ts), so the text's last blocks, padded, and the lengths are put together in `stage` (80 bytes).
 */
function authenticate(tables: usize, aad: usize, aadLength: u32, text: usize, length: u32, stage: usize): v128 {
  let y = i64x2(0, 0);
  for (let left = aadLength; left != 0;) {
    const taken = min(left, BLOCK);
    v128.store(stage, taken == BLOCK ? v128.load(aad) : loadPadded(aad, taken));
    y = hash(tables, y, stage, 1);
    aad += taken;
    left -= taken;
  }

  let left = length;
  for (; left >= POWERS * BLOCK; left -= POWERS * BLOCK) {
    y = hash(tables, y, text, POWERS);
    text += POWERS * BLOCK;
  }

  let at = stage;
  for (; left >= BLOCK; left -= BLOCK) {
    v128.store(at, v128.load(text));
    text += BLOCK;
    at += BLOCK;
  }
  if (left != 0) {
    v128.store(at, loadPadded(text, left));
    at += BLOCK;
  }
  v128.store(at, i64x2(bswap(<u64>aadLength * 8), bswap(<u64>length * 8)));
  const blocks = <u32>(at - stage) / BLOCK + 1;
  const first = min(blocks, POWERS);
  y = hash(tables, y, stage, first);
  return first == blocks ? y : hash(tables, y, stage + POWERS * BLOCK, 1);
}

/** Seals the group in the scratch, packets of the SA at `sa`. */
export function sealGroup(count: u32, sa: usize, keyLength: u32, scratch: usize): void {
  const keys = sa + SA_KEY;
  const rounds = roundsOf(keyLength);
  looseBlocks(count, keys, rounds, scratch);
  let stream = scratch + STREAM;
  for (let n: u32 = 0; n < count; n++) {
    const op = grouped(scratch, n);
    const text = <usize>load<u32>(op, OP_TEXT);
    const length = load<u32>(op, OP_LENGTH);
    const last = length & (CHUNK - 1);
    const chunks = text + length - last;
    if (text != chunks) addChunks(text, chunks, op + OP_NONCE, keys, rounds, scratch);
    addStream(chunks, last, stream + BLOCK);
    const aadLength = load<u32>(op, OP_AAD_LENGTH);
    const y = authenticate(keys + TABLES, op + OP_AAD, aadLength, text, length, scratch + STAGE);
    v128.store(text + length, v128.xor(y, v128.load(stream)));
    stream += looseCount(length) * BLOCK;
  }
}

/** Opens the group in the scratch, packets of the SA at `sa`. A text is decrypted only when its tag is right. */
export function openGroup(count: u32, sa: usize, keyLength: u32, scratch: usize): void {
  const keys = sa + SA_KEY;
  const rounds = roundsOf(keyLength);
  looseBlocks(count, keys, rounds, scratch);
  let stream = scratch + STREAM;
  for (let n: u32 = 0; n < count; n++) {
    const op = grouped(scratch, n);
    const text = <usize>load<u32>(op, OP_TEXT);
    const length = load<u32>(op, OP_LENGTH);
    const last = length & (CHUNK - 1);
    const chunks = text + length - last;
    const aadLength = load<u32>(op, OP_AAD_LENGTH);
    const y = authenticate(keys + TABLES, op + OP_AAD, aadLength, text, length, scratch + STAGE);
    const verified = equal(text + length, v128.xor(y, v128.load(stream)));
    store<u32>(op, verified, OP_OK);
    if (verified) {
      if (text != chunks) addChunks(text, chunks, op + OP_NONCE, keys, rounds, scratch);
      addStream(chunks, last, stream + BLOCK);
    }
    stream += looseCount(length) * BLOCK;
  }
}

/** The tag of the ciphertext of one op, with AAD that need not be its own. */
export function tagOf(
  op: usize,
  sa: usize,
  keyLength: u32,
  aad: usize,
  aadLength: u32,
  text: usize,
  length: u32,
  scratch: usize,
): v128 {
  const keys = sa + SA_KEY;
  group(scratch, 0, op);
  looseBlocks(1, keys, roundsOf(keyLength), scratch);
  const y = authenticate(keys + TABLES, aad, aadLength, text, length, scratch + STAGE);
  return v128.xor(y, v128.load(scratch + STREAM));
}
