/**
 * The memory map of the fast path: every offset, size and stride, in bytes.
 *
 * Each file in layout/ draws a part of it. Plain untyped integers on purpose: they are compiled by `asc` into the WASM module and
 * by `tsc` into the control side (src/datapath), so both sides read one map. They hold no code and import nothing: the two
 * compilers name a file that is imported differently. This file is the whole map for `tsc`; the module's files take what they need from
 * the parts.
 *
 * One shared `WebAssembly.Memory`. Region bases marked * depend on the limits chosen at start; src/datapath/memory
 * computes them and writes them into the globals block, `attach(worker)` loads them into WASM globals.
 *
 *   0x0000_0000  ┌───────────────────────────────┐
 *                │ static data of the module     │ S-box and swizzle constants; the same bytes in every instance
 *   0x0001_0000  ├───────────────────────────────┤ GLOBALS
 *                │ globals                       │ bases, epoch, host address, sockets
 *   0x0002_0000  ├───────────────────────────────┤ VRFS
 *                │ VRF table                     │ MAX_VRFS × VRF_STRIDE
 *   *ADJ         ├───────────────────────────────┤
 *                │ adjacencies (next hops)       │ what a FIB leaf points at
 *   *SA          ├───────────────────────────────┤
 *                │ SA slots                      │ SA_STRIDE each, keys included; index = low 16 bits of our SPIs
 *   *POOL        ├───────────────────────────────┤
 *                │ pool                          │ child lists, selector sets, paths: blocks replaced whole
 *   *FIB         ├───────────────────────────────┤
 *                │ FIB nodes                     │ IPv4 and IPv6 of all VRFs
 *   *FILTERS     ├───────────────────────────────┤
 *                │ filters                       │ guards and rule sets: blocks replaced whole
 *   *FLOWS       ├───────────────────────────────┤
 *                │ flow table                    │ FLOW_ENTRY each; written by the workers
 *   *SHAPES      ├───────────────────────────────┤
 *                │ shapes                        │ one for each adjacency: rate, bucket, what each worker counted
 *   *SHAPER      ├───────────────────────────────┤
 *                │ worker 0: packets that wait   │ lines, flows and cells of shaped tunnels
 *                │ worker 1 …                    │
 *   *ARENAS      ├───────────────────────────────┤
 *                │ worker 0: counters, slots,    │ ARENA_SIZE each
 *                │           messages, ops, ring │
 *                │ worker 1 …                    │
 *                └───────────────────────────────┘
 *
 * Who writes what: the control thread is the single writer of everything above the arenas, with exceptions that workers
 * own: the sequence, replay and traffic counters of SA slots; the hits of rules, and the flow table; the bucket of a shape and
 * the worker's part of it; the packets that wait in its shaper. A worker is the single writer of its arena.
 * A table change becomes visible by one atomic 32-bit store of an address or index; what it replaced is freed when
 * every worker has passed the epoch (see EPOCH).
 *
 * Numbers are little-endian as WASM keeps them; network fields inside packets stay big-endian. "address" means a WASM
 * address (offset in this memory); "host address" means the process's virtual address, HOST_BASE + address.
 */

export * from "./layout/arena.ts";
export * from "./layout/filter.ts";
export * from "./layout/globals.ts";
export * from "./layout/nexthop.ts";
export * from "./layout/sa.ts";
export * from "./layout/shaper.ts";
