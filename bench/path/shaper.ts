/**
 * What a rate costs: nanoseconds a packet on the road out into one tunnel, sealed with ChaCha20-Poly1305, without a rate, below one,
 * and with each packet waiting for its turn, in one run. The clock is the bench's own: each batch comes when what it takes at the
 * rate has passed.
 */
import * as L from "../../assembly/layout.ts";
import { shaperOf } from "../../src/datapath/memory.ts";
import { shapeOf } from "../../src/datapath/shapes.ts";
import { median, round } from "../median.ts";
import { PathBed } from "./bed.ts";
import { Roads, SIZES } from "./road.ts";

export interface ShaperRow {
  readonly what: string;
  /** Median of the samples. */
  readonly ns: number;
  /** More than without a rate. */
  readonly more: number;
}

interface Case {
  readonly what: string;
  /** "below": all pass at once; "at": all wait; undefined: there is no rate. */
  readonly rate: "below" | "at" | undefined;
  readonly flows: number;
}

const CASES: readonly Case[] = [
  { what: "no rate", rate: undefined, flows: 1 },
  { what: "below its rate", rate: "below", flows: 1 },
  { what: "waiting, 1 flow", rate: "at", flows: 1 },
  // As many as have a queue each, whatever their hashes are: flows that share one would wait too long, and lose packets for it.
  { what: "waiting, 8 flows", rate: "at", flows: 8 },
];

/** Nanoseconds between two batches: a beat of the grid on which the shaper looks at what waits. */
const BEAT = 1e6;

export function benchShaper({ quick, say }: { quick: boolean; say: (line: string) => void }): ShaperRow[] {
  const batches = quick ? 50 : 300;
  return ["64", "1024"].flatMap((size) => {
    const beds = CASES.map((one) => new ShapedBed(size, one));
    const times = CASES.map((): number[] => []);
    for (let turn = 0; turn < (quick ? 4 : 9); turn++) {
      for (const [i, bed] of beds.entries()) {
        const ns = bed.carry(batches);
        // The first turn is for V8.
        if (turn > 0) times[i]!.push(ns);
      }
    }
    const found = times.map((all) => median(all));
    return CASES.map(({ what }, i) => {
      const row = { what: `${size} B, ${what}`, ns: round(found[i]!, 1), more: round(found[i]! - found[0]!, 1) };
      say(`shaper, ${row.what}: ${row.ns} ns, ${row.more} more`);
      return row;
    });
  });
}

/** One tunnel, held to a rate or not, and batches that come for it. */
export class ShapedBed {
  readonly #bed = new PathBed({ cipher: "chacha20poly1305", sas: 1, routes: 1, shaper: 4 << 20 });
  readonly #roads = new Roads(this.#bed.memory, this.#bed.fast);
  readonly #clock = shaperOf(this.#bed.memory.regions, 0) + L.SHAPER_CLOCK;
  readonly #shape = this.#bed.memory.regions.shapes.base + this.#bed.tunnel(0) * this.#bed.memory.regions.shapes.stride;
  readonly #waits: boolean;
  #now = 1e12;

  constructor(size: string, { rate, flows }: Case) {
    this.#waits = rate === "at";
    this.#roads.lay(SIZES[size]!);
    this.#roads.aim(() => this.#bed.destinations[0]!);
    const { view, regions } = this.#bed.memory;
    view.setFloat64(this.#clock, this.#now, true);
    const slots = regions.arenas.base + L.TUNRX + L.SLOT_HEADROOM;
    for (let i = 0; i < L.BATCH; i++) view.setUint16(slots + i * L.SLOT_STRIDE + 20, 40_000 + (i % flows));
    if (rate === undefined) return;
    // What comes takes all of the rate, or a tenth.
    this.#hold(L.BATCH * Number(size) * 8 * (1e9 / BEAT) * (rate === "at" ? 1 : 10));
    if (!this.#waits) return;
    // Until the burst is used up, and more than a batch waits.
    while (this.waiting < 2 * L.BATCH) this.#roads.out(false);
  }

  /** Packets that wait now. */
  get waiting(): number {
    return this.#bed.memory.view.getUint32(this.#shape + L.SHAPE_HEAD + L.PART_WAITING, true);
  }

  /** So many batches come, and as many packets leave; nanoseconds a packet, of the median batch. @throws when one was dropped, or the wrong ones waited */
  carry(batches: number): number {
    const { view } = this.#bed.memory;
    const sa = this.#bed.saAt(this.#bed.slotOut(0)) + L.SA_PACKETS;
    const sealed = Number(view.getBigUint64(sa, true));
    const queued = this.#queued;
    const times: number[] = [];
    for (let i = 0; i < batches; i++) {
      this.#now += BEAT;
      view.setFloat64(this.#clock, this.#now, true);
      const come = this.#roads.out(false);
      times.push(this.#waits ? come + this.#depart() : come);
    }
    const dropped = this.#bed.drops();
    if (dropped !== "") throw new Error(`packets were dropped while they were measured: ${dropped}`);
    const left = Number(view.getBigUint64(sa, true)) - sealed;
    if (Math.abs(left - batches * L.BATCH) > L.BATCH) throw new Error(`${left} packets left in ${batches} batches`);
    if (this.#queued - queued !== (this.#waits ? batches * L.BATCH : 0)) throw new Error("the wrong packets waited");
    return (median(times) * 1e6) / L.BATCH;
  }

  /** Lets go what is due, as a worker's loop does; milliseconds. */
  #depart(): number {
    const { fast, memory } = this.#bed;
    const ops = memory.regions.arenas.base + L.W_OP_COUNT;
    const begun = performance.now();
    let more: boolean;
    do {
      more = Boolean(fast.depart());
      fast.seal(memory.view.getUint32(ops, true));
      fast.flushed();
    } while (more);
    return performance.now() - begun;
  }

  get #queued(): number {
    return Number(this.#bed.memory.view.getBigUint64(this.#shape + L.SHAPE_HEAD + L.PART_QUEUED, true));
  }

  #hold(bitsPerSecond: number): void {
    const { view } = this.#bed.memory;
    const { cost, burst, target, interval, limit } = shapeOf(bitsPerSecond);
    view.setBigUint64(this.#shape + L.SHAPE_COST, cost, true);
    view.setBigUint64(this.#shape + L.SHAPE_BURST, burst, true);
    view.setBigUint64(this.#shape + L.SHAPE_TARGET, target, true);
    view.setBigUint64(this.#shape + L.SHAPE_INTERVAL, interval, true);
    view.setUint32(this.#shape + L.SHAPE_LIMIT, limit, true);
    view.setUint32(this.#bed.adjacencyAt(this.#bed.tunnel(0)) + L.ADJ_SHAPE, 1, true);
  }
}
