/** `vcpe bench shape`: rates that a tunnel is held to, and what comes of it for TCP, UDP, a ping beside them, and two flows. */
import { step } from "../../src/lab/lab.ts";
import { demandMachine, LAB_PROGRAMS, provide } from "../../src/lab/prerequisites.ts";
import { type Machine, machine } from "../machine.ts";
import { round } from "../median.ts";
import { jain, quantile, ShapedBed } from "./shaped.ts";
import { BENCH_PROGRAMS } from "./systems.ts";

export interface ShapeRow {
  /** Wanted, Mbit/s of inner IP packets; null: no limit. */
  readonly mbps: number | null;
  readonly tcpMbps: number;
  readonly udpMbps: number;
  /** What the sender of UDP really sent: below the wanted rate, the machine was too busy, and there is no verdict. */
  readonly udpSentMbps: number;
  /** Off what was wanted, percent; null: no limit, or not so much was sent. */
  readonly tcpOffPct: number | null;
  readonly udpOffPct: number | null;
  /** Round trip of a ping, ms: when nothing else is under way, and beside the TCP connection. */
  readonly rttMs: { readonly idle: number | null; readonly p50: number | null; readonly p99: number | null };
  /** Jain's index of two TCP connections. */
  readonly fairness: number;
  /** CPU seconds of the sending router for each Gbit. */
  readonly cpuSecondsPerGbit: { readonly tcp: number; readonly udp: number };
  /** TCP and UDP within 5 percent, those that there is a verdict for. */
  readonly pass: boolean;
}

export interface ShapeResult {
  readonly machine: Machine & { readonly workers: number; readonly quick: boolean };
  readonly rows: ShapeRow[];
}

export interface ShapeOptions {
  readonly entry: readonly string[];
  readonly quick: boolean;
  readonly workers: number;
  /** Mbit/s, instead of the usual ones; undefined among them: no limit. */
  readonly rates?: readonly (number | undefined)[];
  /** Name of the bed. */
  readonly name?: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Percent that a rate may be off. */
const TOLERANCE = 5;

/** Mbit/s. undefined: no limit; 100,000: shaped, but never held. These two tell what shaping itself costs. */
const RATES = [1, 2, 5, 10, 50, 200, 500, 1000, 100_000, undefined] as const;
const QUICK = [1, 20, 500] as const;
/** Where nothing is held, this is offered, Mbit/s. */
const UNHELD = 1000;

export async function benchShape(options: ShapeOptions): Promise<ShapeResult> {
  const { entry, quick, workers, say, signal } = options;
  const about = { ...machine(), workers, quick };
  demandMachine();
  await provide([...LAB_PROGRAMS, ...BENCH_PROGRAMS], say);
  const bed = await step(say, "routers are up", () =>
    ShapedBed.up(options.name ?? "benchshape", entry, workers, signal),
  );
  const rows: ShapeRow[] = [];
  try {
    await bed.bed.offload(true);
    for (const mbps of options.rates ?? (quick ? QUICK : RATES)) {
      const row = await measure(bed, mbps, quick ? 3 : 5);
      rows.push(row);
      say(JSON.stringify(row));
    }
  } finally {
    await bed.down();
  }
  return { machine: about, rows };
}

async function measure(bed: ShapedBed, mbps: number | undefined, seconds: number): Promise<ShapeRow> {
  await bed.hold(mbps === undefined ? undefined : mbps * 1e6);
  const held = mbps !== undefined && mbps <= UNHELD;
  const idle = await bed.idle();
  const tcp = await bed.tcp(1, seconds);
  const two = await bed.tcp(2, seconds);
  const udp = await bed.udp(held ? mbps * 1.2 : UNHELD, seconds);
  const off = (got: number) => (held ? round((got / mbps - 1) * 100, 2) : null);
  const tcpOffPct = off(tcp.mbps);
  const udpOffPct = held && udp.sentMbps < mbps ? null : off(udp.mbps);
  const ms = (value: number | null) => (value === null ? null : round(value, 2));
  return {
    mbps: mbps ?? null,
    tcpMbps: round(tcp.mbps, 3),
    udpMbps: round(udp.mbps, 3),
    udpSentMbps: round(udp.sentMbps, 3),
    tcpOffPct,
    udpOffPct,
    rttMs: { idle: ms(quantile(idle, 0.5)), p50: ms(quantile(tcp.rtts, 0.5)), p99: ms(quantile(tcp.rtts, 0.99)) },
    fairness: round(jain(two.flows), 3),
    cpuSecondsPerGbit: { tcp: round(tcp.cpu, 3), udp: round(udp.cpu, 3) },
    pass: [tcpOffPct, udpOffPct].every((each) => each === null || Math.abs(each) <= TOLERANCE),
  };
}
