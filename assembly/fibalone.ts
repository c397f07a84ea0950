/**
 * The FIB as a module of its own: what its tests and its micro-benchmark load. Not part of the product's module.
 * The loops below look up many addresses in one call, so that the way from JavaScript to WASM is not what is measured.
 */
import { fibLookup4, fibLookup6 } from "./fib";
import { FIB_GROUP, fibAnswer, fibAnswered, fibAsk4, fibAsk6 } from "./fibgroup";

export * from "./fibwriter";
export { fibLookup4, fibLookup6 } from "./fib";

/** Looks up `count` IPv4 addresses (u32, host order) at `addresses`; adjacencies (u32) go to `answers`. */
export function fibMany4(vrf: u32, addresses: usize, count: u32, answers: usize): void {
  for (let i: usize = 0; i < count; i++) {
    store<u32>(answers + (i << 2), fibLookup4(vrf, load<u32>(addresses + (i << 2))));
  }
}

/** Looks up `count` IPv6 addresses (u64 high, u64 low) at `addresses`; adjacencies (u32) go to `answers`. */
export function fibMany6(vrf: u32, addresses: usize, count: u32, answers: usize): void {
  for (let i: usize = 0; i < count; i++) {
    const at = addresses + (i << 4);
    store<u32>(answers + (i << 2), fibLookup6(vrf, load<u64>(at), load<u64>(at, 8)));
  }
}

/** As fibMany4, in groups, side by side. The lookups lie behind the answers, in 1 KiB. */
export function fibBeside4(vrf: u32, addresses: usize, count: u32, answers: usize): void {
  const group = groupBehind(answers, count);
  for (let first: u32 = 0; first < count; first += FIB_GROUP) {
    const size = min(FIB_GROUP, count - first);
    for (let i: u32 = 0; i < size; i++) fibAsk4(group, i, vrf, load<u32>(addresses + ((first + i) << 2)));
    answer(group, size, answers + (first << 2));
  }
}

/** As fibMany6, in groups, side by side. */
export function fibBeside6(vrf: u32, addresses: usize, count: u32, answers: usize): void {
  const group = groupBehind(answers, count);
  for (let first: u32 = 0; first < count; first += FIB_GROUP) {
    const size = min(FIB_GROUP, count - first);
    for (let i: u32 = 0; i < size; i++) {
      const at = addresses + ((first + i) << 4);
      fibAsk6(group, i, vrf, load<u64>(at), load<u64>(at, 8));
    }
    answer(group, size, answers + (first << 2));
  }
}

function groupBehind(answers: usize, count: u32): usize {
  return (answers + (count << 2) + 63) & ~63;
}

function answer(group: usize, size: u32, answers: usize): void {
  fibAnswer(group, size);
  for (let i: u32 = 0; i < size; i++) store<u32>(answers + (i << 2), fibAnswered(group, i));
}
