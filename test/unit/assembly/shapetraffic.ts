/** Flows that want to go through a shaped tunnel, and what of them comes out. */
import { ip, udp } from "./packets.ts";
import type { ShapeBed } from "./shapebed.ts";

export const MS = 1e6;

/** Packets but for their numbers. */
const templates = new Map<string, Buffer>();

/** A packet of `bytes` of flow `flow` with a number in it. */
export function packet(flow: number, number: number, bytes = 1400, to = "10.0.0.9", tos = 0): Buffer {
  const key = `${flow} ${bytes} ${to} ${tos}`;
  let made = templates.get(key);
  if (!made) {
    const data = Buffer.alloc(bytes - 28);
    data.writeUInt32BE(flow, 0);
    made = ip({ from: "10.200.0.1", to, tos, payload: udp(1000 + flow, 53, data) });
    templates.set(key, made);
  }
  const own = Buffer.from(made);
  own.writeUInt32BE(number, 32);
  return own;
}

export const flowOf = (bytes: Buffer): number => bytes.readUInt32BE(28);

export const numberOf = (bytes: Buffer): number => bytes.readUInt32BE(32);

export const sumOf = (packets: readonly Buffer[]): number => packets.reduce((sum, { length }) => sum + length, 0);

export interface Source {
  readonly flow: number;
  /** Of the tunnel's rate. */
  readonly load: number;
  readonly bytes?: number;
  readonly worker?: number;
}

/** Offers each source's share of `rate` for `ms` in steps, and lets go what is due. What left, with when. */
export function run(bed: ShapeBed, rate: number, ms: number, sources: readonly Source[], step = 0.25) {
  const left: { flow: number; bytes: number; after: number }[] = [];
  const sentAt = new Map<string, number>();
  const debts = sources.map(() => 0);
  const numbers = sources.map(() => 0);
  const begun = bed.now;
  const note = (packets: readonly Buffer[]) => {
    for (const bytes of packets) {
      const after = bed.now - sentAt.get(`${flowOf(bytes)} ${numberOf(bytes)}`)!;
      left.push({ flow: flowOf(bytes), bytes: bytes.length, after: after / MS });
    }
  };
  const workers = new Set(sources.map(({ worker = 0 }) => worker));
  for (let at = step; at <= ms; at += step) {
    bed.at(begun + at * MS);
    sources.forEach(({ flow, load, bytes = 1400, worker = 0 }, i) => {
      debts[i]! += (rate / 8000) * load * step;
      const batch: Buffer[] = [];
      while (debts[i]! >= bytes) {
        debts[i]! -= bytes;
        sentAt.set(`${flow} ${numbers[i]}`, bed.now);
        batch.push(packet(flow, numbers[i]!++, bytes));
      }
      if (batch.length > 0) note(bed.offer(batch, worker));
    });
    for (const worker of workers) note(bed.depart(worker));
  }
  return left;
}

export const rateOf = (left: readonly { bytes: number }[], ms: number): number =>
  (left.reduce((sum, { bytes }) => sum + bytes, 0) * 8000) / ms;

/** (Σx)² / (n Σx²): 1, all are alike; 1/n, one has all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((all, x) => all + x, 0);
  return sum ** 2 / (shares.length * shares.reduce((all, x) => all + x * x, 0));
}
