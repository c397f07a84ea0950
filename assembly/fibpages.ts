/**
 * The FIB region as pages of 1 KiB, and slots of one size in each page. Writer only.
 *
 *   G_FIB_BASE ┌───────────────────────────────┐
 *              │ heads: the routes of each VRF │ MAX_VRFS × 16, see fibroutes
 *    HEADERS   ├───────────────────────────────┤
 *              │ page headers                  │ 32 bytes a page, below
 *    PAGES     ├───────────────────────────────┤
 *              │ pages                     ↓   │ handed out from the bottom: 1,024 bytes each
 *              │                               │
 *              │ 256 KiB blocks            ↑   │ handed out from the top: roots of large tables
 *              └───────────────────────────────┘ G_FIB_BASE + G_FIB_SIZE
 *
 * Sizes are powers of two and named by their order: 4 an IPv4 route, 5 an IPv6 route, 6 a 4-bit node, 10 an 8-bit node
 * (a whole page), 18 a 16-bit node (256 pages). A page whose slots are all free goes back to the pool, whatever its order.
 *
 * Page header:
 *   0  u64   free slots, a bit each
 *   8  u32   next page in the list that it is in: pool, or pages of its order with a free slot
 *   12 u32   previous page in that list
 *   16 u16×2 slots that wait for the epoch, a bit each, for two generations (fibretire): kept here because readers may still
 *            walk the node itself, so no link may be written into it
 *   20 u32×2 next page with such slots, for two generations
 *   28 u32   order
 */
import { G_FIB_BASE, G_FIB_PRIVATE, G_FIB_SIZE, MAX_VRFS } from "./layout/globals";
import { fibReclaim } from "./fibretire";

export const ORDER_ROUTE4: u32 = 4;
export const ORDER_ROUTE6: u32 = 5;
export const ORDER_NODE4: u32 = 6;
export const ORDER_NODE8: u32 = 10;
export const ORDER_NODE16: u32 = 18;

const PAGE_ORDER: u32 = 10;
const WIDE_PAGES: u32 = 1 << (ORDER_NODE16 - PAGE_ORDER);

export const HEADER_SIZE: usize = 32;
const FREE: usize = 0;
const NEXT: usize = 8;
const PREVIOUS: usize = 12;
export const HEADER_RETIRED: usize = 16;
export const HEADER_RETIRED_NEXT: usize = 20;
const ORDER: usize = 28;

/** Bytes of the heads: for each VRF u32 IPv4 routes, u32 IPv6 routes (roots of fibroutes), u32 count of each. */
export const HEAD_SIZE: usize = 16;

// The writer's state, u32 each. It lies in shared memory so that it does not matter which instance of the module writes.
const STARTED: usize = G_FIB_PRIVATE + 0;
const HEADERS: usize = G_FIB_PRIVATE + 4;
const PAGES: usize = G_FIB_PRIVATE + 8;
/** Address of the first page never handed out, and of the lowest block at the top. */
const LOW: usize = G_FIB_PRIVATE + 12;
const HIGH: usize = G_FIB_PRIVATE + 16;
/** Lists (header addresses; 0: empty): pages, blocks, and by order pages with a free slot. */
const POOL_PAGES: usize = G_FIB_PRIVATE + 20;
const POOL_BLOCKS: usize = G_FIB_PRIVATE + 24;
const PARTIAL: usize = G_FIB_PRIVATE + 32;
/** Pages in use. */
const USED: usize = G_FIB_PRIVATE + 64;

/** Lays the region out; once. Calling it again changes nothing. */
export function fibStart(): void {
  if (load<u32>(STARTED)) return;
  const base: usize = (load<u32>(G_FIB_BASE) + 1023) & ~1023;
  const end: usize = load<u32>(G_FIB_BASE) + load<u32>(G_FIB_SIZE);
  const headers = base + MAX_VRFS * HEAD_SIZE;
  const room = end > headers ? end - headers : 0;
  const count = room / (HEADER_SIZE + (1 << PAGE_ORDER));
  const pages = (headers + count * HEADER_SIZE + 1023) & ~1023;
  store<u32>(HEADERS, headers);
  store<u32>(PAGES, pages);
  store<u32>(LOW, pages);
  store<u32>(HIGH, pages < end ? pages + ((end - pages) & ~1023) : pages);
  store<u32>(STARTED, 1);
}

/** Head of a VRF's routes. */
export function headOf(vrf: u32): usize {
  return load<u32>(HEADERS) - (MAX_VRFS - vrf) * HEAD_SIZE;
}

/** Header of the page that an address lies in. */
export function headerOf(address: usize): usize {
  return load<u32>(HEADERS) + ((address - load<u32>(PAGES)) >> PAGE_ORDER) * HEADER_SIZE;
}

function pageOf(header: usize): usize {
  return load<u32>(PAGES) + (header - load<u32>(HEADERS)) * ((1 << PAGE_ORDER) / HEADER_SIZE);
}

/** Which bit of its page's header stands for this slot. */
export function slotOf(header: usize, address: usize): u32 {
  const order = load<u32>(header, ORDER);
  return order >= PAGE_ORDER ? 0 : (address & 1023) >> order;
}

function allFree(order: u32): u64 {
  return order >= PAGE_ORDER ? 1 : ~(<u64>0) >> (64 - (1 << (PAGE_ORDER - order)));
}

/** Address of a free slot of `order`, content undefined; 0: the region is full, also after what could be reclaimed. */
export function take(order: u32): usize {
  if (order == ORDER_NODE16) return takeBlock();
  if (order == ORDER_NODE8) return takePage(order);
  let header: usize = load<u32>(PARTIAL + (order << 2));
  if (!header) {
    const page = takePage(order);
    // The search for a page may have brought back slots of this order; then the page serves the next ones.
    if (!page) {
      header = load<u32>(PARTIAL + (order << 2));
      if (!header) return 0;
    } else {
      header = headerOf(page);
      store<u64>(header, allFree(order), FREE);
      link(header, order);
    }
  }
  const free = load<u64>(header, FREE);
  const left = free & (free - 1);
  store<u64>(header, left, FREE);
  if (!left) unlink(header, order);
  return pageOf(header) + ((<usize>ctz(free)) << order);
}

/** Gives one slot back, for use at once: nobody else may know it. */
export function give(address: usize): void {
  const header = headerOf(address);
  giveSlots(header, (<u64>1) << slotOf(header, address));
}

/** Gives slots of one page back, a bit each. */
export function giveSlots(header: usize, slots: u64): void {
  const order = load<u32>(header, ORDER);
  if (order == ORDER_NODE16) {
    store<u32>(header, load<u32>(POOL_BLOCKS), NEXT);
    store<u32>(POOL_BLOCKS, header);
    store<u32>(USED, load<u32>(USED) - WIDE_PAGES);
    return;
  }
  if (order < PAGE_ORDER) {
    const before = load<u64>(header, FREE);
    const free = before | slots;
    store<u64>(header, free, FREE);
    if (free != allFree(order)) {
      if (!before) link(header, order);
      return;
    }
    if (before) unlink(header, order);
  }
  store<u32>(header, load<u32>(POOL_PAGES), NEXT);
  store<u32>(POOL_PAGES, header);
  store<u32>(USED, load<u32>(USED) - 1);
}

/** Bytes in use: pages with a used slot and their headers, blocks, and the heads. */
export function fibBytes(): u32 {
  return load<u32>(USED) * ((1 << PAGE_ORDER) + HEADER_SIZE) + MAX_VRFS * HEAD_SIZE;
}

function takePage(order: u32): usize {
  let header: usize = load<u32>(POOL_PAGES);
  const low: usize = load<u32>(LOW);
  if (!header && low == load<u32>(HIGH)) {
    if (load<u32>(POOL_BLOCKS)) breakBlock();
    else fibReclaim();
    header = load<u32>(POOL_PAGES);
    if (!header && load<u32>(POOL_BLOCKS)) {
      breakBlock();
      header = load<u32>(POOL_PAGES);
    }
    if (!header) return 0;
  }
  if (header) store<u32>(POOL_PAGES, load<u32>(header, NEXT));
  else {
    header = headerOf(low);
    store<u32>(LOW, low + (1 << PAGE_ORDER));
  }
  store<u32>(header, order, ORDER);
  store<u32>(USED, load<u32>(USED) + 1);
  return pageOf(header);
}

function takeBlock(): usize {
  let header: usize = load<u32>(POOL_BLOCKS);
  if (header) store<u32>(POOL_BLOCKS, load<u32>(header, NEXT));
  else {
    const high: usize = load<u32>(HIGH);
    if (high - load<u32>(LOW) < 1 << ORDER_NODE16) return 0;
    store<u32>(HIGH, high - (1 << ORDER_NODE16));
    header = headerOf(high - (1 << ORDER_NODE16));
  }
  store<u32>(header, ORDER_NODE16, ORDER);
  store<u32>(USED, load<u32>(USED) + WIDE_PAGES);
  return pageOf(header);
}

/** A free block becomes pages, for good. */
function breakBlock(): void {
  let header: usize = load<u32>(POOL_BLOCKS);
  store<u32>(POOL_BLOCKS, load<u32>(header, NEXT));
  for (let i: u32 = 0; i < WIDE_PAGES; i++, header += HEADER_SIZE) {
    store<u32>(header, load<u32>(POOL_PAGES), NEXT);
    store<u32>(POOL_PAGES, header);
  }
}

function link(header: usize, order: u32): void {
  const next: usize = load<u32>(PARTIAL + (order << 2));
  store<u32>(header, next, NEXT);
  store<u32>(header, 0, PREVIOUS);
  if (next) store<u32>(next, header, PREVIOUS);
  store<u32>(PARTIAL + (order << 2), header);
}

function unlink(header: usize, order: u32): void {
  const next: usize = load<u32>(header, NEXT);
  const previous: usize = load<u32>(header, PREVIOUS);
  if (next) store<u32>(next, previous, PREVIOUS);
  if (previous) store<u32>(previous, next, NEXT);
  else store<u32>(PARTIAL + (order << 2), next);
}
