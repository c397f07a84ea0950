/**
 * FIB lookups of a group of IPv4 packets, side by side.
 *
 * A lookup by itself (fib.ts) walks until it meets a leaf, and how far that is the processor has to guess: it guesses wrong about once
 * a packet, learns it when the node has come from memory, and what it had begun for the next packets is lost. Here all packets take a
 * step, then all take the next one. A packet that has its leaf stays where it is without a branch, so nothing is guessed and the
 * nodes of all packets are on their way together.
 */
import { ADJACENCY_SHIFT, FIELD_SHIFT, NODE, NODE_ADDRESS } from "./fib";
import { VRFS, VRF_ROOT4, VRF_STRIDE } from "./layout";

/** The word that a lookup in a VRF's IPv4 tree begins with. */
// @ts-ignore: decorator
@inline
export function fibRoot4(vrf: u32): u32 {
  return atomic.load<u32>(VRFS + vrf * VRF_STRIDE + VRF_ROOT4);
}

/** A word that stands for the answer of a lookup that has been made. */
// @ts-ignore: decorator
@inline
export function fibAnswered(adjacency: u32): u32 {
  return adjacency << ADJACENCY_SHIFT;
}

/**
 * Ends `count` lookups. `words`: for each a u32, `fibRoot4` of its VRF or `fibAnswered`; then its adjacency, 0: no route.
 * `addresses`: for each the address as a u32 (host order); used up.
 */
export function fibGroup4(words: usize, addresses: usize, count: u32): void {
  const end = words + (count << 2);
  for (let open = NODE; open;) {
    open = 0;
    for (let at = words, from = addresses; at < end; at += 4, from += 4) {
      const word = load<u32>(at);
      const address = load<u32>(from);
      const bits = word >> FIELD_SHIFT;
      // All ones for a node. A leaf reads address 0 instead of a slot, and stays what it is.
      const isNode = 0 - (word & NODE);
      const slot = ((word & NODE_ADDRESS) + ((address >> (0 - bits)) << 2)) & isNode;
      const next = (load<u32>(slot) & isNode) | (word & ~isNode);
      store<u32>(at, next);
      store<u32>(from, address << bits);
      open |= next & NODE;
    }
  }
  for (let at = words; at < end; at += 4) store<u32>(at, load<u32>(at) >> ADJACENCY_SHIFT);
}
