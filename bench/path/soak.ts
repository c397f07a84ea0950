/** `vcpe bench path --soak`: very many packets there and back; nothing may drift, nothing may leak, the wrap must not show. */
import * as L from "../../assembly/layout.ts";
import { type Machine, machine } from "../machine.ts";
import { median, round } from "../median.ts";
import { PathBed } from "./bed.ts";
import { Roads, SIZES } from "./road.ts";

export interface SoakRow {
  readonly packets: number;
  readonly seconds: number;
  /** Sequence number of the last packet; above 2^32: the low half has wrapped on the way. */
  readonly lastSequence: string;
  readonly wrapped: boolean;
  /** Packets that were sealed and not accepted at the other end. */
  readonly lost: number;
  readonly drops: string;
  /** Nanoseconds a packet, out and in, early (tenths 2 to 4) and late (the last three): medians of their shares. */
  readonly nsEarly: number;
  readonly nsLate: number;
  readonly rssEarlyMb: number;
  readonly rssLateMb: number;
  readonly pass: boolean;
}

export interface SoakResult {
  readonly machine: Machine;
  readonly rows: SoakRow[];
}

/** Shares of a tenth that are timed by themselves; their median is the tenth's figure, so that a busy moment is no drift. */
const SHARES = 20;

/** Growth of resident memory between the early tenths and the late ones that is not a leak. */
const SWAY_MB = 16;

export async function soak({ packets, say }: { packets: number; say: (line: string) => void }): Promise<SoakResult> {
  const about = machine();
  const share = Math.ceil(packets / 10 / SHARES / L.BATCH);
  const total = share * SHARES * 10 * L.BATCH;
  // Half of the packets come before the low half of the sequence number wraps.
  const sequence = 2n ** 32n - BigInt(total / 2);
  const bed = new PathBed({ cipher: "chacha20poly1305", sas: 1, routes: 10, sequence });
  const roads = new Roads(bed.memory, bed.fast);
  roads.lay(SIZES.imix!);
  roads.aim((i) => bed.destinations[i % bed.destinations.length]!);
  const ns: number[] = [];
  const rss: number[] = [];
  const begun = performance.now();
  for (let part = 0; part < 10; part++) {
    const times: number[] = [];
    for (let slice = 0; slice < SHARES; slice++) {
      let ms = 0;
      for (let i = 0; i < share; i++) ms += roads.out() + roads.arrive();
      times.push(ms);
      // Lets a signal in.
      await new Promise((resolve) => setImmediate(resolve));
    }
    ns.push(round((median(times) * 1e6) / (share * L.BATCH), 0));
    rss.push(round(process.memoryUsage.rss() / 1e6, 1));
    say(`${part + 1}/10: ${ns[part]} ns a packet, there and back; ${rss[part]} MB`);
  }
  const seconds = round((performance.now() - begun) / 1000, 1);
  const { view } = bed.memory;
  const inside = bed.saAt(bed.slotIn(0));
  const outside = bed.saAt(bed.slotOut(0));
  const last = view.getBigUint64(outside + L.SA_SEQUENCE, true);
  const accepted = Number(view.getBigUint64(inside + L.SA_PACKETS, true));
  const sealed = Number(view.getBigUint64(outside + L.SA_PACKETS, true));
  const drops = bed.drops();
  const wrapped = last > 2n ** 32n;
  const right =
    wrapped &&
    last === sequence + BigInt(total) &&
    view.getBigUint64(inside + L.SA_SEQUENCE, true) === last &&
    sealed === total &&
    accepted === total &&
    drops === "";
  const nsEarly = median(ns.slice(1, 4));
  const nsLate = median(ns.slice(7));
  // The collector lets memory sway by 25 MB from tenth to tenth, up and down; a leak moves the median of three.
  const rssEarlyMb = median(rss.slice(1, 4));
  const rssLateMb = median(rss.slice(7));
  const row: SoakRow = {
    packets: total,
    seconds,
    lastSequence: String(last),
    wrapped,
    lost: sealed - accepted,
    drops,
    nsEarly,
    nsLate,
    rssEarlyMb,
    rssLateMb,
    pass: right && rssLateMb - rssEarlyMb < SWAY_MB && nsLate < nsEarly * 1.25,
  };
  return { machine: about, rows: [row] };
}
