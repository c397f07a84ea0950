/** How all come back when the console is killed. */
import type { ChildProcess } from "node:child_process";
import { peakMb, secondsBetween } from "./figures.ts";
import { all, gone, heard, PATIENCE, pause } from "./hear.ts";
import type { Site } from "./site.ts";
import type { FromConsole } from "./talk.ts";

/** The console is killed with all agents connected, and started again. */
export interface Storm {
  /** Until the console that was started again listens. */
  readonly startSeconds: number;
  /** From the kill until the last agent is connected. */
  readonly backSeconds: number;
  /** Tries of agents that failed meanwhile. */
  readonly failures: number;
  /** Configurations that were sent, although everybody had his. */
  readonly sent: number;
  /** Devices that are connected and synchronized, as the console says. */
  readonly synchronized: number;
  /** Events by code since the kill. */
  readonly events: Readonly<Record<string, number>>;
  readonly consoleRssMb: number;
}

/** Kills the console and has it started `again`; gives the new one, when all agents are back. */
export async function survive(
  console: ChildProcess,
  again: () => ChildProcess,
  site: Site,
  groups: readonly ChildProcess[],
  agents: number,
  signal: AbortSignal,
): Promise<[ChildProcess, Storm]> {
  const { last } = await site.events(0);
  await all(groups, "listening", signal, () => ({ do: "listen" }));
  const killed = process.hrtime.bigint();
  console.kill("SIGKILL");
  await gone(console);
  const next = again();
  await heard<FromConsole, "up">(next, "up", signal);
  const startSeconds = secondsBetween(killed, process.hrtime.bigint());
  const found = await back(groups, agents, signal);
  const storm = {
    startSeconds,
    backSeconds: secondsBetween(killed, found.last),
    failures: found.failures,
    sent: found.arrivals.length,
    synchronized: await site.synchronized(),
    events: (await site.events(last)).codes,
    consoleRssMb: peakMb(next),
  };
  return [next, storm];
}

/** Waits until all agents are connected again, and a while longer, in which nothing may be sent to them. */
async function back(groups: readonly ChildProcess[], count: number, signal: AbortSignal) {
  const end = performance.now() + PATIENCE;
  let connected = 0;
  do {
    await pause(1000, signal);
    const heard = await all(groups, "heard", signal, () => ({ do: "tell" }));
    connected = heard.reduce((sum, one) => sum + one.connected, 0);
  } while (connected < count && performance.now() < end);
  await pause(3000, signal);
  const heard = await all(groups, "heard", signal, () => ({ do: "tell" }));
  return {
    last: heard.map(({ last }) => BigInt(last)).reduce((a, b) => (a > b ? a : b)),
    failures: heard.reduce((sum, one) => sum + one.failures, 0),
    arrivals: heard.flatMap(({ arrivals }) => arrivals),
  };
}
