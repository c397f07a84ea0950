import { AEAD, AEAD_SIZE, ARENA_SIZE } from "../layout/arena";
import { G_ARENAS_BASE, MAX_WORKERS } from "../layout/globals";

/**
 * The engine's scratch, AEAD_SIZE bytes in the arena of the worker that runs it: static data is shared by all workers, so
 * it cannot hold any. Offsets from the scratch base:
 *
 *   0x0000  LANES   256   ChaCha20 state whose four lanes belong to different blocks, of different packets even
 *   0x0000  ROWS    256   sixteen AES counter blocks (AES and ChaCha20 never run at once)
 *   0x0100  STATE   256   ChaCha20 state of one packet, before that the four blocks that go into LANES; or the slices that
 *                         all AES blocks of one packet begin with
 *   0x0200  SLICES  512   AES blocks in bit slices, twice sixteen
 *   0x0400  MACS    256   two Poly1305 contexts: the packet at hand, and the one before it that is not finished yet
 *   0x0500  STAGE    80   last blocks of a message, padded, and its lengths
 *   0x0600  STREAM 5120   keystream of the loose blocks of one group
 *   0x1a00  GROUPED  64   addresses of the ops of one group, u32 each
 */
export const LANES: usize = 0x0000;
export const ROWS: usize = 0x0000;
export const STATE: usize = 0x0100;
export const SLICES: usize = 0x0200;
export const MACS: usize = 0x0400;
export const STAGE: usize = 0x0500;
export const STREAM: usize = 0x0600;
export const GROUPED: usize = 0x1a00;

/**
 * Packets in a group. STREAM must hold, for each, what does not fill a whole 256-byte chunk: ChaCha20 1 + 4 blocks of 64
 * bytes; AES 1 + 16 blocks of 16 bytes.
 */
export const GROUP: u32 = 16;

/** Op number `index` of the group. */
// @ts-ignore: decorator
@inline
export function grouped(scratch: usize, index: u32): usize {
  return <usize>load<u32>(scratch + ((<usize>index) << 2), GROUPED);
}

/** Makes `op` number `index` of the group. */
// @ts-ignore: decorator
@inline
export function group(scratch: usize, index: u32, op: usize): void {
  store<u32>(scratch + ((<usize>index) << 2), <u32>op, GROUPED);
}

/** Bytes that one call of either cipher makes: 4 ChaCha20 blocks, 16 AES blocks. */
export const CHUNK: u32 = 256;

/** Scratch of the arena that the op vector lies in. Traps when that is none: a wrong guess would write over tables. */
export function scratchOf(ops: usize): usize {
  const base = <usize>load<u32>(G_ARENAS_BASE);
  if (base == 0 || ops < base) unreachable();
  const worker = (ops - base) / ARENA_SIZE;
  if (worker >= <usize>MAX_WORKERS) unreachable();
  return base + worker * ARENA_SIZE + AEAD;
}

/** Overwrites all of it: no key or keystream stays behind when its SA is gone. */
export function wipe(scratch: usize): void {
  memory.fill(scratch, 0, AEAD_SIZE);
}
