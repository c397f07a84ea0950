/**
 * FIB lookup: destination address → adjacency index (layout.ts), longest prefix wins. No route: 0.
 *
 * A trie of nodes of several sizes, leaf-pushed: every slot holds either the answer or the next node, so a
 * lookup never turns back. One structure serves IPv4, IPv6 and all VRFs. A word, in a slot as in the VRF's root:
 *
 *     31                               9 8             1 0
 *    ┌──────────────────────────────────┬───────────────┬─┐
 *    │ adjacency index, 0: no route     │ prefix length │0│  leaf; all 0: no route covers this slot
 *    └──────────────────────────────────┴───────────────┴─┘
 *     31                                    6 5       1 0
 *    ┌───────────────────────────────────────┬─────────┬─┐
 *    │ address of the node ÷ 64              │ kind    │1│  node of 2^kind slots, 4 bytes a slot
 *    └───────────────────────────────────────┴─────────┴─┘
 *
 * The bits are cut at fixed depths, so an address meets the same cuts in a tree of any shape:
 *
 *    depth   0         4         8        12        16        20        24 …    (IPv6: the same on to 128)
 *            ├── 4 ────┼── 4 ────┼── 4 ────┼── 4 ────┼── 4 ────┼── 4 ────┤      64-byte nodes where routes are sparse
 *            ├────── 8 ──────────┼────── 8 ──────────┼────── 8 ──────────┤      1 KiB nodes where they are dense
 *            ├───────────────── 16 ──────────────────┤                          256 KiB root of a large table
 *                                ├────────── straight ────────────────┤         64 bytes where one way leads on (IPv6)
 *
 * Kinds 4, 8 and 16 take that many bits of the address as the number of the slot. Kind 1, in IPv6 only, is the straight node: it
 * holds 1 to 64 bits, begins at a depth of 8·i and does not reach across bit 64. An address that runs along these bits goes on
 * in slot 1, any other one in slot 0, which is a leaf. One that ends at another depth than 8·i leads to a leaf: the end of a
 * lone prefix.
 *
 *      0         4         8         12        16                  24
 *     ┌─────────┬─────────┬─────────┬─────────┬───────────────────┐
 *     │ slot 0  │ slot 1  │ length  │ 64 −    │ the bits,         │
 *     │ (aside) │ (along) │ n       │ n       │ left-aligned u64  │
 *     └─────────┴─────────┴─────────┴─────────┴───────────────────┘
 *
 * The prefix length in a leaf is the writer's: it says which leaves a new or withdrawn prefix may overwrite. See fibtree.
 *
 * Readers take no lock. The root is read by an atomic load, so that it is ordered behind the worker's store of its epoch;
 * each further load depends on the address that the one before it gave, and an aligned 32-bit load never tears. Nodes are
 * filled before they are linked, and stay as they were until every worker has passed the epoch (fibretire).
 */
import { VRFS, VRF_ROOT4, VRF_ROOT6, VRF_STRIDE } from "./layout/globals";

/** A word names a node. */
export const NODE: u32 = 1;
/** Part of a node word that is its address. */
export const NODE_ADDRESS: u32 = ~63;
/** Bits below a node word's kind and a leaf's prefix length. */
export const FIELD_SHIFT: u32 = 1;
/** The kind of a straight node, the only odd one, so that these two bits tell it from the others; and its fields. */
export const STRAIGHT: u32 = 1;
export const STRAIGHT_MASK: u32 = 3;
export const STRAIGHT_LENGTH: usize = 8;
export const STRAIGHT_SHIFT: usize = 12;
export const STRAIGHT_BITS: usize = 16;
/** Bits below a leaf's adjacency index. */
export const ADJACENCY_SHIFT: u32 = 9;

/**
 * Adjacency of an IPv4 destination, 0: no route.
 * @param vrf VRF index, below MAX_VRFS.
 * @param address the address as a number (host order).
 */
// @ts-ignore: decorator
@inline
export function fibLookup4(vrf: u32, address: u32): u32 {
  let word = atomic.load<u32>(VRFS + vrf * VRF_STRIDE + VRF_ROOT4);
  while (word & NODE) {
    // A shift takes its count modulo 32, and the low five bits of word >> 1 are the kind.
    const bits = word >> FIELD_SHIFT;
    word = load<u32>((word & NODE_ADDRESS) + ((address >> (0 - bits)) << 2));
    address <<= bits;
  }
  return word >> ADJACENCY_SHIFT;
}

/**
 * Adjacency of an IPv6 destination, 0: no route.
 * @param vrf VRF index, below MAX_VRFS.
 * @param high @param low the two halves of the address as numbers (host order).
 */
// @ts-ignore: decorator
@inline
export function fibLookup6(vrf: u32, high: u64, low: u64): u32 {
  let word = atomic.load<u32>(VRFS + vrf * VRF_STRIDE + VRF_ROOT6);
  let depth: u32 = 0;
  for (;;) {
    while ((word & STRAIGHT_MASK) == NODE) {
      const bits = (word >> FIELD_SHIFT) & 31;
      word = load<u32>((word & NODE_ADDRESS) + ((<u32>(high >> (64 - bits))) << 2));
      high <<= bits;
      depth += bits;
      // No node reaches across bit 64.
      if (depth == 64) high = low;
    }
    if (!(word & NODE)) break;
    const node = word & NODE_ADDRESS;
    if ((high ^ load<u64>(node, STRAIGHT_BITS)) >> load<u32>(node, STRAIGHT_SHIFT)) {
      word = load<u32>(node);
      break;
    }
    word = load<u32>(node, 4);
    const bits = load<u32>(node, STRAIGHT_LENGTH);
    high <<= bits;
    depth += bits;
    if (depth == 64) high = low;
  }
  return word >> ADJACENCY_SHIFT;
}
