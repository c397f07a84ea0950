/**
 * The FIB as a module of its own: what its tests and its micro-benchmark load. Not part of the product's module.
 * The loops below look up many addresses in one call, so that the way from JavaScript to WASM is not what is measured.
 */
import { fibLookup4, fibLookup6 } from "./fib";

export * from "./fibwriter";
export { fibLookup4, fibLookup6 } from "./fib";
export { fibGroup4 } from "./fibgroup";

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
