/** A change that is made through the API: how soon it is at everybody whom it concerns, and at nobody else. */
import type { ChildProcess } from "node:child_process";
import { cpuSeconds } from "../../src/lab/process.ts";
import { cpuOf, quantile, round } from "./figures.ts";
import { all, pause } from "./hear.ts";
import type { Deed, Site } from "./site.ts";
import type { Arrival } from "./talk.ts";

export interface FanOut {
  readonly what: string;
  /** Times the change was made. */
  readonly changes: number;
  readonly reached: number;
  readonly expected: number;
  /** Frames that came to agents whom the change does not concern. */
  readonly strangers: number;
  /** From the request to the answer of the API. */
  readonly answerMs: number;
  /** From the request to the frame at the agents. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU time for one change, until all have answered: of the console, and of all agents, which share this machine with it. */
  readonly consoleCpuMs: number;
  readonly agentsCpuMs: number;
}

/** Milliseconds after a change of thousands, until the console is at rest again: what it puts off till then is not to meet the next one. */
const REST = 5000;

/** The same change several times, one after the other. */
export async function fanOut(
  site: Site,
  { what, serials, act }: Deed,
  console: ChildProcess,
  groups: readonly ChildProcess[],
  times: number,
  signal: AbortSignal,
): Promise<FanOut> {
  const delays: number[] = [];
  const answers: number[] = [];
  let strangers = 0;
  const pids = groups.map(({ pid }) => pid as number);
  const [consoleBefore, agentsBefore] = [cpuSeconds(console.pid as number), cpuOf(pids)];
  for (let turn = 0; turn < times; turn++) {
    await all(groups, "listening", signal, () => ({ do: "listen" }));
    const wanted = new Set(serials);
    await act(turn);
    answers.push(Number(site.answered - site.asked) / 1e6);
    const end = performance.now() + 10_000;
    let arrivals: readonly Arrival[] = [];
    do {
      // Whoever asks for news takes CPU time from what is measured.
      await pause(wanted.size > 5000 ? REST : 500, signal);
      arrivals = (await all(groups, "heard", signal, () => ({ do: "tell" }))).flatMap((one) => one.arrivals);
    } while (arrivals.length < wanted.size && performance.now() < end);
    for (const [serial, , when] of arrivals) {
      if (wanted.delete(serial)) delays.push(Number(BigInt(when) - site.asked) / 1e6);
      else strangers++;
    }
  }
  return {
    what,
    changes: times,
    reached: delays.length,
    expected: serials.length * times,
    strangers,
    answerMs: round(quantile(answers, 0.5)),
    p50Ms: round(quantile(delays, 0.5)),
    p99Ms: round(quantile(delays, 0.99)),
    maxMs: round(quantile(delays, 1)),
    consoleCpuMs: round(((cpuSeconds(console.pid as number) - consoleBefore) * 1000) / times),
    agentsCpuMs: round(((cpuOf(pids) - agentsBefore) * 1000) / times),
  };
}
