/** The peak bandwidth of an instance, measured both ways by TCP and UDP, then raised and measured again. */
import { measureInPeace } from "../busy.ts";
import type { Check, TrafficRow } from "../checks.ts";
import { type Throughput, traffic } from "../iperf.ts";
import type { Lab } from "../lab.ts";
import { BRANCHES, CLOUDS } from "./plan.ts";

/** What a rate may be off by: the shaper's own 5 %, and what a short run sees of headers and of TCP's start. */
const BELOW = 0.85;
const ABOVE = 1.05;
/** Seconds of the rate that may stand in the shaper's queue and its burst when the sender ends; a receiver counts them too. */
const QUEUED = 0.055;

/**
 * From the Hangzhou host to the server in Shanghai and back, one after the other; again where the machine was too busy to measure.
 * `mbps`: the peak bandwidth that is set.
 */
export async function measurePeak(
  lab: Lab,
  mbps: number,
  seconds: number,
  signal?: AbortSignal,
): Promise<{ checks: Check[]; rows: TrafficRow[] }> {
  const branch = BRANCHES[0]!;
  const cloud = CLOUDS[0]!;
  const ways = [
    { way: "to the cloud", from: branch.host, to: cloud.address },
    { way: "to the branch", from: cloud.server, to: branch.address },
  ];
  const checks: Check[] = [];
  const rows: TrafficRow[] = [];
  for (const { way, from, to } of ways) {
    for (const protocol of ["tcp", "udp"] as const) {
      const offeredMbps = mbps * 1.5;
      const offered = protocol === "udp" ? { offeredMbps } : {};
      const run = { protocol, seconds, ...offered, ...(signal ? { signal } : {}) };
      // The limit counts IP packets; iperf3 counts what is in them.
      const carriedOf = ({ mbps: payload }: Throughput) =>
        payload * (protocol === "udp" ? (1024 + 28) / 1024 : 1500 / 1448);
      const right = (measured: Throughput) => {
        const carried = carriedOf(measured);
        return carried >= mbps * BELOW && carried <= mbps * (ABOVE + QUEUED / seconds);
      };
      const { result, again } = await measureInPeace(() => traffic(lab.namespace(from), to, run), right);
      const title = `peak bandwidth ${mbps} Mbit/s, ${protocol} ${way}`;
      const name = protocol === "udp" ? `${title}, ${offeredMbps} offered` : title;
      rows.push({ name, mbps: round(result.mbps), lossPct: round(result.lossPct) });
      const detail = `${carriedOf(result).toFixed(2)} Mbit/s of IP packets${again}`;
      checks.push({ name: title, ok: right(result), detail });
    }
  }
  return { checks, rows };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
