/**
 * Nodes that readers may still walk wait here until every worker has passed the epoch (layout.ts: G_EPOCH, W_EPOCH).
 *
 * Two generations. New ones join the open generation. When the closed one is empty, the open one is closed: it is labelled with
 * the epoch, the epoch moves on by one, and from then on a worker that starts a batch shows a later epoch. When no
 * worker shows the label or an earlier epoch, the closed generation is free for reuse.
 *
 *    retire ──→ [ open ] ── close: label = G_EPOCH++ ──→ [ closed ] ── all workers later than label ──→ free slots
 *
 * Why this is enough: the writer unlinks a node before it reads W_EPOCH; a worker stores W_EPOCH before it reads a root; all four
 * are atomic (sequentially consistent). So either the writer sees the worker's old epoch and waits, or the worker
 * starts after the unlinking and can't meet the node. That holds too for a worker that waits (EPOCH_IDLE) and one that has
 * never run a batch (0): both hold nothing.
 */
import { ARENA_SIZE, W_EPOCH } from "./layout/arena";
import { EPOCH_IDLE, G_ARENAS_BASE, G_EPOCH, G_FIB_PRIVATE, G_WORKERS } from "./layout/globals";
import { HEADER_RETIRED, HEADER_RETIRED_NEXT, giveSlots, headerOf, slotOf } from "./fibpages";

/** u32 each. 0 or 1: the open generation. */
const OPEN: usize = G_FIB_PRIVATE + 96;
/** The epoch that labels the closed generation. */
const LABEL: usize = G_FIB_PRIVATE + 100;
/** For two generations: first page with retired nodes; how many nodes. */
const PAGES: usize = G_FIB_PRIVATE + 104;
const COUNT: usize = G_FIB_PRIVATE + 112;

/** Nodes that gather before the writer looks by itself whether the workers have moved on. */
const ENOUGH: u32 = 64;

/** An unlinked node: free when no worker can be in it. */
export function retire(node: usize): void {
  const open: usize = load<u32>(OPEN);
  const header = headerOf(node);
  const slots: usize = header + HEADER_RETIRED + (open << 1);
  const before = load<u16>(slots);
  if (!before) {
    store<u32>(header + (open << 2), load<u32>(PAGES + (open << 2)), HEADER_RETIRED_NEXT);
    store<u32>(PAGES + (open << 2), header);
  }
  store<u16>(slots, before | ((<u16>1) << (<u16>slotOf(header, node))));
  store<u32>(COUNT + (open << 2), load<u32>(COUNT + (open << 2)) + 1);
}

/** Frees what no worker can reach any more; returns the nodes that still wait. Cheap; call it at any time. */
export function fibReclaim(): u32 {
  let open: usize = load<u32>(OPEN);
  if (load<u32>(COUNT + ((open ^ 1) << 2)) && passed(load<u32>(LABEL))) free(open ^ 1);
  if (load<u32>(COUNT + (open << 2)) && !load<u32>(COUNT + ((open ^ 1) << 2))) {
    const label = atomic.load<u32>(G_EPOCH);
    store<u32>(LABEL, label);
    store<u32>(OPEN, open ^ 1);
    // Never 0 and never EPOCH_IDLE: those say "holds nothing".
    atomic.store<u32>(G_EPOCH, label + 1 == <u32>EPOCH_IDLE ? 1 : label + 1);
    if (passed(label)) free(open);
  }
  return fibRetired();
}

/** Reclaims when there is enough to make it worth looking. */
export function reclaimSome(): void {
  if (load<u32>(COUNT + (load<u32>(OPEN) << 2)) >= ENOUGH) fibReclaim();
}

/** Nodes that wait for the workers. */
export function fibRetired(): u32 {
  return load<u32>(COUNT) + load<u32>(COUNT + 4);
}

/** No worker is in a batch that began at `epoch` or before. The distance is signed: epochs wrap at 2^32. */
function passed(epoch: u32): bool {
  const workers = load<u32>(G_WORKERS);
  let at: usize = load<u32>(G_ARENAS_BASE) + W_EPOCH;
  for (let i: u32 = 0; i < workers; i++, at += ARENA_SIZE) {
    const now = atomic.load<u32>(at);
    if (now != 0 && now != <u32>EPOCH_IDLE && <i32>(now - epoch) <= 0) return false;
  }
  return true;
}

function free(generation: usize): void {
  let header: usize = load<u32>(PAGES + (generation << 2));
  while (header) {
    const slots: usize = header + HEADER_RETIRED + (generation << 1);
    const bits = <u64>load<u16>(slots);
    const next: usize = load<u32>(header + (generation << 2), HEADER_RETIRED_NEXT);
    store<u16>(slots, 0);
    giveSlots(header, bits);
    header = next;
  }
  store<u32>(PAGES + (generation << 2), 0);
  store<u32>(COUNT + (generation << 2), 0);
}
