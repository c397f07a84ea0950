/**
 * The one memory of the datapath: plans its regions from the limits chosen at start (the picture is in assembly/layout),
 * makes it, and writes the globals that the WASM module reads its bases from.
 *
 * Pages that nobody touches cost nothing, so all that is planned is there from the start: it never grows, never moves, and
 * its host address is a constant.
 */

import { randomFillSync, randomInt } from "node:crypto";
import {
  ADJ_STRIDE,
  ARENA_SIZE,
  FLOW_ENTRY,
  FLOW_WAYS,
  G_ADJ_BASE,
  G_ADJ_COUNT,
  G_ARENAS_BASE,
  G_EPOCH,
  G_FIB_BASE,
  G_FIB_SIZE,
  G_FLOWS_BASE,
  G_FLOWS_KEY,
  G_FLOWS_PLACES,
  G_HOST_BASE,
  G_ICMP_RATE,
  G_POOL_BASE,
  G_POOL_SIZE,
  G_SA_BASE,
  G_SHAPE_STRIDE,
  G_SHAPER_BASE,
  G_SHAPER_SEED,
  G_SHAPER_SIZE,
  G_SHAPES_BASE,
  G_WORKERS,
  MAX_SAS,
  MAX_VRFS,
  MAX_WORKERS,
  SA_STRIDE,
  SHAPE_HEAD,
  SHAPE_PART,
  SHAPER_CELLS,
  VRF_STRIDE,
  VRFS,
} from "../../assembly/layout.ts";
import { hostAddress } from "../linux/ffi.ts";
import { adviseHugePages, HUGE_PAGE } from "../linux/hugepages.ts";
import { PlaneError } from "./error.ts";
import { FLOWS, FLOWS_MAX } from "./flowlimit.ts";
import type { PlaneOptions } from "./plane.ts";

const PAGE = 0x10000;
/** Pages of a 32-bit memory. */
const PAGES_MAX = 65536;

/**
 * Bytes at the start of a table that stay in small pages. A router with a few tunnels has its tables in there, and does not pay 2 MiB
 * for each of them; one with thousands has them beyond.
 */
const SMALL_PAGES = HUGE_PAGE;

/** ICMP errors that one worker may originate a second: enough for path MTU discovery of many hosts, too few for a flood. */
const ICMP_RATE = 1000;

/** Bytes for guards and rule sets: about 100,000 rules with four workers. */
const FILTERS_SIZE = 16 << 20;

/** A flow table of this size or more asks for huge pages: its flows lie anywhere in it. */
const FLOWS_HUGE = 16 << 20;
/** Most bytes of packets that may wait in one worker. */
const SHAPER_MAX = 1 << 30;

/** Where the regions lie, bytes from the start of the memory. */
export interface Regions {
  readonly adjacencies: { readonly base: number; readonly count: number };
  readonly sas: { readonly base: number; readonly count: number };
  readonly pool: { readonly base: number; readonly size: number };
  readonly fib: { readonly base: number; readonly size: number };
  /** Guards and rule sets. */
  readonly filters: { readonly base: number; readonly size: number };
  /** `places`: twice the limit or more, so that buckets seldom overflow before it is reached. */
  readonly flows: { readonly base: number; readonly places: number; readonly limit: number };
  /** One for each adjacency. `stride`: bytes; 0: nothing can be shaped. */
  readonly shapes: { readonly base: number; readonly stride: number };
  /** One for each worker, of `size` bytes. */
  readonly shapers: { readonly base: number; readonly size: number };
  readonly arenas: { readonly base: number; readonly count: number };
  /** Pages of 64 KiB. */
  readonly pages: number;
}

/** `shaper`: bytes of packets that may wait in each worker; undefined or 0: nothing can be shaped. */
export type Limits = Pick<PlaneOptions, "workers" | "sas" | "adjacencies" | "fib" | "flows" | "shaper">;

/** The memory with the views that the control side and the workers' loops write through. */
export interface PlaneMemory {
  readonly memory: WebAssembly.Memory;
  readonly regions: Regions;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Index = address / 4. For everything that is stored or loaded atomically. */
  readonly words: Uint32Array;
  /** Host address of address 0. */
  readonly host: number;
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function check(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new PlaneError("limits", `The datapath's limit "${name}" is ${value}; it must be from ${low} to ${high}.`);
}

/** Computes the regions. @throws PlaneError limits */
export function planRegions(limits: Limits): Regions {
  check("workers", limits.workers, 1, MAX_WORKERS);
  check("sas", limits.sas, 2, MAX_SAS);
  check("adjacencies", limits.adjacencies, 3, 1 << 20);
  check("fib", limits.fib, PAGE, 0xf0000000);
  const flowLimit = limits.flows ?? FLOWS;
  check("flows", flowLimit, FLOW_WAYS, FLOWS_MAX);
  const waiting = limits.shaper ?? 0;
  check("shaper", waiting, 0, SHAPER_MAX);
  const adjacencies = { base: align(VRFS + MAX_VRFS * VRF_STRIDE, PAGE), count: limits.adjacencies };
  const sas = { base: align(adjacencies.base + adjacencies.count * ADJ_STRIDE, 4096), count: limits.sas };
  // A path and a selector set for each pair of SAs, a child list for each tunnel, and as much again for what waits for the
  // epoch; 4 MiB for peers with long lists of selectors.
  const pool = {
    base: align(sas.base + sas.count * SA_STRIDE, 4096),
    size: align(sas.count * 1024 + adjacencies.count * 1024 + (4 << 20), PAGE),
  };
  const fib = { base: align(pool.base + pool.size, PAGE), size: align(limits.fib, PAGE) };
  const filters = { base: fib.base + fib.size, size: FILTERS_SIZE };
  const places = 2 ** Math.ceil(Math.log2(2 * flowLimit));
  const flows = { base: filters.base + filters.size, places, limit: flowLimit };
  const shapes = {
    base: align(flows.base + flows.places * FLOW_ENTRY, PAGE),
    stride: waiting === 0 ? 0 : SHAPE_HEAD + limits.workers * SHAPE_PART,
  };
  const shapers = {
    base: align(shapes.base + adjacencies.count * shapes.stride, PAGE),
    size: waiting === 0 ? 0 : align(SHAPER_CELLS + waiting, PAGE),
  };
  const arenas = { base: shapers.base + limits.workers * shapers.size, count: limits.workers };
  const pages = (arenas.base + arenas.count * ARENA_SIZE) / PAGE;
  if (pages > PAGES_MAX) {
    throw new PlaneError(
      "limits",
      `The datapath's limits need ${pages * PAGE} bytes, more than the 4 GiB of a WebAssembly memory; ask for fewer SAs or flows, a smaller FIB, less room for shaping or fewer workers.`,
    );
  }
  return { adjacencies, sas, pool, fib, filters, flows, shapes, shapers, arenas, pages };
}

/** The same memory as seen from another thread, or from the one that made it. */
export function viewMemory(memory: WebAssembly.Memory, regions: Regions): PlaneMemory {
  const bytes = new Uint8Array(memory.buffer);
  return {
    memory,
    regions,
    bytes,
    view: new DataView(memory.buffer),
    words: new Uint32Array(memory.buffer),
    host: hostAddress(bytes),
  };
}

/** Makes the memory and writes the globals. @throws PlaneError limits */
export function makeMemory(limits: Limits): PlaneMemory {
  const regions = planRegions(limits);
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: regions.pages, maximum: regions.pages, shared: true });
  } catch (error) {
    throw new PlaneError(
      "limits",
      `The system does not give the datapath ${regions.pages * PAGE} bytes of address space; ask for fewer SAs or a smaller FIB, or raise the limit (ulimit -v).`,
      error,
    );
  }
  const made = viewMemory(memory, regions);
  const { view } = made;
  view.setUint32(G_EPOCH, 1, true);
  view.setUint32(G_WORKERS, limits.workers, true);
  view.setBigUint64(G_HOST_BASE, BigInt(made.host), true);
  view.setUint32(G_ADJ_BASE, regions.adjacencies.base, true);
  view.setUint32(G_ADJ_COUNT, regions.adjacencies.count, true);
  view.setUint32(G_SA_BASE, regions.sas.base, true);
  view.setUint32(G_POOL_BASE, regions.pool.base, true);
  view.setUint32(G_POOL_SIZE, regions.pool.size, true);
  view.setUint32(G_FIB_BASE, regions.fib.base, true);
  view.setUint32(G_FIB_SIZE, regions.fib.size, true);
  view.setUint32(G_FLOWS_BASE, regions.flows.base, true);
  view.setUint32(G_FLOWS_PLACES, regions.flows.places, true);
  // Through a copy: the system's generator does not write into shared memory.
  made.bytes.set(randomFillSync(new Uint8Array(16)), G_FLOWS_KEY);
  view.setUint32(G_ARENAS_BASE, regions.arenas.base, true);
  view.setUint32(G_ICMP_RATE, ICMP_RATE, true);
  view.setUint32(G_SHAPES_BASE, regions.shapes.base, true);
  view.setUint32(G_SHAPE_STRIDE, regions.shapes.stride, true);
  view.setUint32(G_SHAPER_BASE, regions.shapers.base, true);
  view.setUint32(G_SHAPER_SIZE, regions.shapers.size, true);
  view.setUint32(G_SHAPER_SEED, randomInt(2 ** 32), true);
  return made;
}

/**
 * Asks for huge pages for the tables, as far as they grow beyond their beginnings: packets to many tunnels touch them here and
 * there, and would miss the processor's address cache as often as its data caches. Not for the arenas: a batch touches one small
 * page of each slot, and would take sixty-five of them.
 * @returns "on", or "off: " and why.
 */
export function adviseTables({ host, regions }: PlaneMemory): string {
  const { sas, pool, fib } = regions;
  const tables = [
    [sas.base, pool.base],
    [pool.base, fib.base],
    // Behind the page headers (assembly/fibpages), which no lookup reads: 32 bytes for each 1,024.
    [fib.base + (fib.size >>> 5), fib.base + fib.size],
  ];
  const { flows } = regions;
  const flowBytes = flows.places * FLOW_ENTRY;
  if (flowBytes >= FLOWS_HUGE) tables.push([flows.base - SMALL_PAGES, flows.base + flowBytes]);
  const states = tables.map(([from, to]) => adviseHugePages(host + from + SMALL_PAGES, host + to));
  return states.find((state) => state !== "on") ?? "on";
}

/** Address of a worker's shaper. */
export function shaperOf(regions: Regions, worker: number): number {
  return regions.shapers.base + worker * regions.shapers.size;
}

/** Address of a worker's arena. */
export function arenaOf(regions: Regions, worker: number): number {
  return regions.arenas.base + worker * ARENA_SIZE;
}
