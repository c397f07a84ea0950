/**
 * The writer's side of the FIB: exports for the control thread, the only caller. src/datapath/fib is their face.
 *
 *    prefix ──→ routes (fibroutes: every prefix)  ──→ tree (fibtree: what workers read)  ──→ old nodes (fibretire)
 *
 * A prefix is passed in 16 bytes at fibAddress(), network order, IPv4 in the first 4; bits beyond its length are 0.
 * `family` is 4 or 6. Arguments are not checked here.
 */
import { fibLookup4, fibLookup6 } from "./fib";
import { headOf } from "./fibpages";
import { reclaimSome } from "./fibretire";
import { ROUTE_FULL, ROUTE_NEW, leafOf, routeCover, routeRemove, routeSet, routesForget } from "./fibroutes";
import { treeNarrow, treeWiden } from "./fibroot";
import { treeClear, treeRemove, treeSet } from "./fibtree";
import { G_FIB_PRIVATE, VRFS, VRF_ROOT4, VRF_ROOT6, VRF_STRIDE } from "./layout/globals";

export { fibBytes, fibStart } from "./fibpages";
export { fibReclaim, fibRetired } from "./fibretire";
export { fibNodes } from "./fibnode";

/** Routes of one VRF and family from which on it is large: memory is spent on speed, and its root has 16 bits (256 KiB). */
const LARGE: u32 = 16384;
/** Routes from which down a large root goes again. */
const SMALL: u32 = 4096;
/** The shape of the root is looked at each time that the number of routes is a multiple of this. */
const LOOK: u32 = 256;
/** treeSet's `dense` and treeRemove's `sparse`: far enough apart that a flapping route seldom changes the shape. */
const DENSE: u32 = 8;
const SPARSE: u32 = 4;
/** The same for large tables. In IPv6, where a step less counts most, two 4-bit nodes in a row are always one of 8 bits. */
const DENSE_LARGE4: u32 = 2;
const DENSE_LARGE6: u32 = 1;
const SPARSE_LARGE: u32 = 1;

/** u32 each: routes in all VRFs, IPv4 and IPv6. */
const ROUTES: usize = G_FIB_PRIVATE + 132;
const ADDRESS: usize = G_FIB_PRIVATE + 144;

// Offsets in a VRF's head for IPv4; IPv6 follows 4 bytes behind each.
const HEAD_ROOT: usize = 0;
const HEAD_COUNT: usize = 8;

/** Where the address of a call is put, 16 bytes. */
export function fibAddress(): usize {
  return ADDRESS;
}

/** Routes in all VRFs. */
export function fibRoutes(family: u32): u32 {
  return load<u32>(family == 6 ? ROUTES + 4 : ROUTES);
}

/** Adjacency for the address at fibAddress(); 0: no route. */
export function fibFind(vrf: u32, family: u32): u32 {
  return family == 6 ? fibLookup6(vrf, high(true), low(true)) : fibLookup4(vrf, bswap(load<u32>(ADDRESS)));
}

/** Inserts or replaces a route. 1: done; 0: the region is full and nothing has changed. */
export function fibSet(vrf: u32, family: u32, length: u32, adjacency: u32): u32 {
  reclaimSome();
  const six = family == 6;
  const head = headOf(vrf) + (six ? 4 : 0);
  const leaf = leafOf(adjacency, length);
  const kept = routeSet(head + HEAD_ROOT, six, high(six), low(six), leaf);
  if (kept == ROUTE_FULL) return 0;
  const root = rootOf(vrf, six);
  if (!treeSet(root, six, high(six), low(six), leaf, denseOf(head, six))) {
    // Only a new prefix needs new nodes, so there is no older adjacency to put back.
    routeRemove(head + HEAD_ROOT, six, high(six), low(six), length);
    return 0;
  }
  if (kept == ROUTE_NEW) {
    const count = counted(head, six, 1);
    if (count >= LARGE && count % LOOK == 0) treeWiden(root, six, denseOf(head, six), sparseOf(head));
  }
  return 1;
}

/** Withdraws a route. 1: done; 0: there was none. */
export function fibRemove(vrf: u32, family: u32, length: u32): u32 {
  reclaimSome();
  const six = family == 6;
  const head = headOf(vrf) + (six ? 4 : 0);
  if (!routeRemove(head + HEAD_ROOT, six, high(six), low(six), length)) return 0;
  const root = rootOf(vrf, six);
  treeRemove(root, six, high(six), low(six), length, routeCover, sparseOf(head));
  const count = counted(head, six, -1);
  if (count <= SMALL && count % LOOK == 0) treeNarrow(root, six, DENSE, SPARSE);
  return 1;
}

/** Withdraws all routes of a VRF and family. */
export function fibClear(vrf: u32, family: u32): void {
  const six = family == 6;
  const head = headOf(vrf) + (six ? 4 : 0);
  treeClear(rootOf(vrf, six));
  routesForget(load<u32>(head, HEAD_ROOT));
  store<u32>(head, 0, HEAD_ROOT);
  counted(head, six, -load<i32>(head, HEAD_COUNT));
  reclaimSome();
}

function rootOf(vrf: u32, six: bool): usize {
  return VRFS + vrf * VRF_STRIDE + (six ? VRF_ROOT6 : VRF_ROOT4);
}

function high(six: bool): u64 {
  return six ? bswap(load<u64>(ADDRESS)) : (<u64>bswap(load<u32>(ADDRESS))) << 32;
}

function low(six: bool): u64 {
  return six ? bswap(load<u64>(ADDRESS, 8)) : 0;
}

function denseOf(head: usize, six: bool): u32 {
  return load<u32>(head, HEAD_COUNT) < LARGE ? DENSE : six ? DENSE_LARGE6 : DENSE_LARGE4;
}

function sparseOf(head: usize): u32 {
  return load<u32>(head, HEAD_COUNT) < LARGE ? SPARSE : SPARSE_LARGE;
}

/** Counts routes that came or went; returns those of this VRF and family. */
function counted(head: usize, six: bool, change: i32): u32 {
  const all = six ? ROUTES + 4 : ROUTES;
  store<u32>(all, load<u32>(all) + change);
  const count = load<u32>(head, HEAD_COUNT) + change;
  store<u32>(head, count, HEAD_COUNT);
  return count;
}
