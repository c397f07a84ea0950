import { OP_AAD, OP_AAD_LENGTH, OP_LENGTH, OP_NONCE, OP_OK, OP_SA, OP_TEXT } from "../layout/arena";
import { SA_KEY } from "../layout/sa";
import { constants, packetState, PAIRS, quad, row, rowState } from "./chacha20";
import { absorb, begin, finish, MAC_SIZE } from "./poly1305";
import { CHUNK, group, grouped, LANES, MACS, STAGE, STATE, STREAM } from "./scratch";
import { addStream, equal, loadPadded } from "./tail";

/*
 * AEAD_CHACHA20_POLY1305 (RFC 8439 §2.8) for ESP (RFC 7634), a group of packets at a time.
 *
 * Block 0 of a packet is its one-time Poly1305 key, blocks 1, 2, … cover the text. Four blocks are made at once, which
 * would leave lanes idle at both ends of a packet. So the blocks that do not fill a chunk of four, block 0 and the last
 * one to four, are loose: those of all packets of the group are made first, side by side (`looseBlocks`); then the chunks
 * follow packet by packet, with Poly1305 running in their shadow.
 *
 *   STREAM  │ key 64 │ last bytes' keystream 0–4 × 64 │ key 64 │ …     one run for each packet, in order
 */

/** Keystream bytes of one block. */
const BLOCK: u32 = 64;

/** Loose blocks of a text: the one-time key and the keystream of what is left after whole chunks. */
// @ts-ignore: decorator
@inline
function looseCount(length: u32): u32 {
  return 1 + ((length & (CHUNK - 1)) + BLOCK - 1) / BLOCK;
}

/** Makes the four blocks noted at STATE: 256 bytes of keystream at `stream`. */
function fill(scratch: usize, stream: usize): void {
  rowState(scratch + LANES, scratch + STATE);
  const zero = i32x4.splat(0);
  for (let at = stream; at < stream + CHUNK; at += 16) v128.store(at, zero); // memory.fill is a call out of WASM
  quad(scratch + LANES, stream, scratch + MACS, 0, 0);
}

/** Makes the loose blocks of all packets of the group. */
function looseBlocks(count: u32, scratch: usize): void {
  const rows = scratch + STATE;
  let stream = scratch + STREAM;
  let lane: u32 = 0;
  constants(scratch + LANES);
  for (let n: u32 = 0; n < count; n++) {
    const op = grouped(scratch, n);
    const key = <usize>load<u32>(op, OP_SA) + SA_KEY;
    const length = load<u32>(op, OP_LENGTH);
    let counter: u32 = 0;
    for (let left = looseCount(length); left != 0; left--) {
      row(rows, lane, key, op + OP_NONCE, counter);
      counter = counter == 0 ? 1 + (length / CHUNK) * 4 : counter + 1;
      if (++lane == 4) {
        fill(scratch, stream);
        stream += CHUNK;
        lane = 0;
      }
    }
  }
  if (lane != 0) fill(scratch, stream);
}

/** Takes in `length` bytes and the zeros up to a multiple of 16. `stage`: 16 bytes of scratch. */
export function absorbPadded(mac: usize, from: usize, length: u32, stage: usize): void {
  absorb(mac, from, length >> 4);
  const rest = length & 15;
  if (rest == 0) return;
  v128.store(stage, loadPadded(from + length - rest, rest));
  absorb(mac, stage, 1);
}

/** Takes in what remains of the text from `from` on, and the lengths; gives the tag (RFC 8439 §2.8). */
export function close(mac: usize, from: usize, length: u32, aadLength: u32, whole: u32, stage: usize): v128 {
  absorb(mac, from, length >> 4);
  const rest = length & 15;
  let blocks: u32 = 0;
  if (rest != 0) {
    v128.store(stage, loadPadded(from + length - rest, rest));
    blocks = 1;
  }
  v128.store(stage + blocks * 16, i64x2(aadLength, whole));
  absorb(mac, stage, blocks + 1);
  return finish(mac);
}

/**
 * Seals the group in the scratch. Poly1305 of a chunk can only run under a later chunk, once its ciphertext stands; so the last chunk of a
 * packet waits (`late`) and is taken in under the first chunk of the next packet that has one.
 */
export function sealGroup(count: u32, scratch: usize): void {
  looseBlocks(count, scratch);
  const state = scratch + STATE;
  const stage = scratch + STAGE;
  constants(state);

  let stream = scratch + STREAM;
  let mac = scratch + MACS;
  let late: usize = 0; // the op that waits for its tag
  let lateMac = mac + MAC_SIZE;
  let lateFrom: usize = 0;

  for (let n: u32 = 0; n < count; n++) {
    const op = grouped(scratch, n);
    const text = <usize>load<u32>(op, OP_TEXT);
    const length = load<u32>(op, OP_LENGTH);
    const aadLength = load<u32>(op, OP_AAD_LENGTH);
    const last = length & (CHUNK - 1);
    const chunks = text + length - last;

    begin(mac, stream);
    absorbPadded(mac, op + OP_AAD, aadLength, stage);
    addStream(chunks, last, stream + BLOCK);
    stream += looseCount(length) * BLOCK;

    if (text == chunks) {
      v128.store(text + length, close(mac, text, length, aadLength, length, stage));
      continue;
    }

    packetState(state, <usize>load<u32>(op, OP_SA) + SA_KEY, op + OP_NONCE, 1);
    if (late != 0) {
      const pairs = min<u32>(lateLeft(late, lateFrom) >> 5, PAIRS);
      quad(state, text, lateMac, lateFrom, pairs);
      closeLate(late, lateMac, lateFrom + pairs * 32, stage);
    } else {
      quad(state, text, lateMac, 0, 0);
    }
    let at = text + CHUNK;
    for (; at < chunks; at += CHUNK) quad(state, at, mac, at - CHUNK, CHUNK / 32);

    late = op;
    lateFrom = at - CHUNK;
    const spare = lateMac;
    lateMac = mac;
    mac = spare;
  }
  if (late != 0) closeLate(late, lateMac, lateFrom, stage);
}

/** Bytes of text that a late packet's MAC has not seen yet. */
// @ts-ignore: decorator
@inline
function lateLeft(op: usize, from: usize): u32 {
  return load<u32>(op, OP_TEXT) + load<u32>(op, OP_LENGTH) - <u32>from;
}

/** Ends the MAC of a late packet and writes its tag. */
function closeLate(op: usize, mac: usize, from: usize, stage: usize): void {
  const length = load<u32>(op, OP_LENGTH);
  const tag = close(mac, from, lateLeft(op, from), load<u32>(op, OP_AAD_LENGTH), length, stage);
  v128.store(<usize>load<u32>(op, OP_TEXT) + length, tag);
}

/**
 * Opens the group in the scratch: Poly1305 runs under the decryption and never behind it, so the text is decrypted before the tag is known.
 * Where the tag turns out wrong OP_OK is 0 and the text means nothing.
 */
export function openGroup(count: u32, scratch: usize): void {
  looseBlocks(count, scratch);
  const state = scratch + STATE;
  const stage = scratch + STAGE;
  const mac = scratch + MACS;
  constants(state);

  let stream = scratch + STREAM;
  for (let n: u32 = 0; n < count; n++) {
    const op = grouped(scratch, n);
    const text = <usize>load<u32>(op, OP_TEXT);
    const length = load<u32>(op, OP_LENGTH);
    const aadLength = load<u32>(op, OP_AAD_LENGTH);
    const last = length & (CHUNK - 1);
    const chunks = text + length - last;

    begin(mac, stream);
    absorbPadded(mac, op + OP_AAD, aadLength, stage);
    if (text != chunks) packetState(state, <usize>load<u32>(op, OP_SA) + SA_KEY, op + OP_NONCE, 1);
    // A chunk can take four Poly1305 blocks beside its own sixteen: those behind the last chunk, which would have to wait
    // for each other at the end.
    let from = text;
    let ahead = last >> 5;
    for (let at = text; at < chunks; at += CHUNK) {
      const pairs = CHUNK / 32 + min<u32>(ahead, PAIRS - CHUNK / 32);
      quad(state, at, mac, from, pairs);
      from += pairs * 32;
      ahead -= pairs - CHUNK / 32;
    }

    const tag = close(mac, from, <u32>(text + length - from), aadLength, length, stage);
    store<u32>(op, equal(text + length, tag), OP_OK);
    addStream(chunks, last, stream + BLOCK);
    stream += looseCount(length) * BLOCK;
  }
}

/** The tag of the ciphertext of one op, with AAD that need not be its own. */
export function tagOf(op: usize, aad: usize, aadLength: u32, text: usize, length: u32, scratch: usize): v128 {
  group(scratch, 0, op);
  looseBlocks(1, scratch);
  const mac = scratch + MACS;
  begin(mac, scratch + STREAM);
  absorbPadded(mac, aad, aadLength, scratch + STAGE);
  return close(mac, text, length, aadLength, length, scratch + STAGE);
}
