/** `vcpe bench path`: nanoseconds a packet on the WASM roads, what a filter and a rate add, and what a second worker brings. */
import type { Cipher } from "../../src/datapath/plane.ts";
import { type Machine, machine } from "../machine.ts";
import { median, round } from "../median.ts";
import { PathBed } from "./bed.ts";
import { benchFilter, type FilterRow } from "./filter.ts";
import { Roads, SIZES, SUPERPACKETS } from "./road.ts";
import { realTable, sequence } from "./routes.ts";
import { type Scaling, scale } from "./scale.ts";
import { benchShaper, type ShaperRow } from "./shaper.ts";

export interface PathRow {
  readonly cipher: Cipher;
  /** Bytes of the inner packet, "imix", or a kind of superpacket (SUPERPACKETS): then out and in are by the segment. */
  readonly size: string;
  readonly sas: number;
  readonly routes: number;
  /** Medians of the samples. */
  readonly outNs: number;
  readonly inNs: number;
  readonly hubNs: number;
}

export interface PathResult {
  readonly machine: Machine & { readonly table: string };
  readonly rows: PathRow[];
  /** What a filter costs. */
  readonly filter: FilterRow[];
  /** What a rate costs. */
  readonly shaper: ShaperRow[];
  /** null on a machine with one core. */
  readonly scaling: Scaling | null;
}

export interface PathOptions {
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

const CIPHERS: readonly Cipher[] = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"];

export async function benchPath({ quick, say }: PathOptions): Promise<PathResult> {
  const real = realTable();
  const table = real === undefined ? "generated prefixes" : `${real.length} prefixes of the real Internet, filled up`;
  const about = { ...machine(), table };
  const rows: PathRow[] = [];
  const one = (cipher: Cipher, size: string, bed: PathBed, sas: number, routes: number) => {
    const row = { cipher, size, sas, routes, ...measure(bed, size, quick) };
    rows.push(row);
    say(`${cipher} ${size} B, ${sas} SAs, ${routes} routes: out ${row.outNs}, in ${row.inNs}, hub ${row.hubNs} ns`);
  };
  for (const cipher of CIPHERS) {
    const bed = new PathBed({ cipher, sas: 1, routes: 10 });
    for (const size of [...Object.keys(SIZES), ...Object.keys(SUPERPACKETS)]) one(cipher, size, bed, 1, 10);
  }
  const many = 10_000;
  const million = 1_000_000;
  for (const [sas, routes] of [
    [many, many],
    [1, million],
    [many, million],
  ] as const) {
    const bed = new PathBed({ cipher: "chacha20poly1305", sas, routes });
    one("chacha20poly1305", "1024", bed, sas, routes);
  }
  const filter = benchFilter({ quick, say });
  const shaper = benchShaper({ quick, say });
  const scaling = (await scale(quick, say)) ?? null;
  return { machine: about, rows, filter, shaper, scaling };
}

function measure(bed: PathBed, size: string, quick: boolean): { outNs: number; inNs: number; hubNs: number } {
  const roads = new Roads(bed.memory, bed.fast);
  const superpacket = SUPERPACKETS[size];
  if (superpacket === undefined) roads.lay(SIZES[size]!);
  else roads.laySuperpackets(superpacket);
  const next = sequence(0x9e3779b9);
  const { destinations } = bed;
  const aim = () => roads.aim(() => destinations[next() % destinations.length]!);
  const batches = quick ? 60 : 300;
  const sample = (hub: boolean) => {
    bed.hub(hub);
    let out = 0;
    let into = 0;
    for (let i = 0; i < batches; i++) {
      aim();
      out += roads.out();
      into += roads.arrive();
    }
    const ns = (ms: number) => (ms * 1e6) / (batches * roads.packets);
    return [ns(out), ns(into)] as const;
  };
  // V8 compiles anew what runs often; the first packets are not what a router does all day.
  const until = performance.now() + (quick ? 100 : 300);
  do {
    sample(false);
    sample(true);
  } while (performance.now() < until);
  const times = Array.from({ length: quick ? 1 : 3 }, () => [sample(false), sample(true)] as const);
  const dropped = bed.drops();
  if (dropped !== "") throw new Error(`packets were dropped while they were measured: ${dropped}`);
  return {
    outNs: round(median(times.flatMap(([plain, hub]) => [plain[0], hub[0]])), 0),
    inNs: round(median(times.map(([plain]) => plain[1])), 0),
    hubNs: round(median(times.map(([, hub]) => hub[1])), 0),
  };
}
