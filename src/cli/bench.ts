/** `vcpe bench`: how fast it is, in parts and as a whole, beside others on the same machine in the same run. */
import { Command, InvalidArgumentError } from "commander";
import { BenchFault } from "../../bench/fault.ts";
import type { ShapeResult } from "../../bench/net/shape.ts";
import type { SpecResult } from "../../bench/net/spec.ts";
import { netLines } from "../../bench/net/text.ts";
import { keep } from "../../bench/results.ts";
import { LabFault } from "../lab/fault.ts";
import { entry } from "./entry.ts";
import { EXIT } from "./exit.ts";
import { table } from "./table.ts";

interface Flags {
  json?: boolean;
  quick?: boolean;
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

export function benchCommand(): Command {
  const bench = new Command("bench").description(
    "measure the router: kernels, the road without a kernel, and whole routers beside others",
  );
  const command = (name: string, description: string) =>
    bench
      .command(name)
      .description(description)
      .option("--json", "print the result as JSON; progress goes to standard error");

  command("micro", "kernels: AEAD, FIB, replay window, checksum, IKE handshakes; beside node:crypto and @noble/ciphers")
    .option("--quick", "shorter samples")
    .option("--only <parts...>", "only these: aead, fib, replay, checksum, ike")
    .action((flags: Flags & { only?: string[] }) =>
      guarded("micro", flags, async () =>
        (await import("../../bench/micro/micro.ts")).benchMicro({
          quick: flags.quick === true,
          say,
          ...(flags.only === undefined ? {} : { only: flags.only }),
        }),
      ),
    );
  command(
    "path",
    "the WASM road without a kernel: nanoseconds a packet, out, in and hub, and what a filter and a rate add; two workers against one",
  )
    .option("--quick", "shorter samples")
    .option(
      "--soak <packets>",
      "instead: so many packets there and back, over a wrap of the low half of the sequence number",
      count,
    )
    .action((flags: Flags & { soak?: number }) =>
      guarded(flags.soak === undefined ? "path" : "soak", flags, async () => {
        if (flags.soak !== undefined)
          return (await import("../../bench/path/soak.ts")).soak({ packets: flags.soak, say });
        return (await import("../../bench/path/path.ts")).benchPath({ quick: flags.quick === true, say });
      }),
    );
  command("compile", "the console's rules and configurations of 10,000 instances: from scratch, and for one change")
    .option("--quick", "fewer changes")
    .action((flags: Flags) =>
      guarded("compile", flags, async () =>
        (await import("../../bench/compile/compile.ts")).benchCompile({ quick: flags.quick === true, say }),
      ),
    );
  command("scale", "one gateway with thousands of tunnels: time to load, for one change, memory, handshakes at once")
    .option("--tunnels <count>", "so many tunnels", tunnelCount, 10_000)
    .option("--vrfs <count>", "in so many routing domains", tunnelCount, 1_000)
    .action((flags: Flags & { tunnels: number; vrfs: number }) =>
      guarded("scale", flags, async () =>
        (await import("../../bench/scale/scale.ts")).benchScale({ tunnels: flags.tunnels, vrfs: flags.vrfs, say }),
      ),
    );
  command(
    "net",
    "two routers in namespaces, ours, wireguard-go, OpenVPN, strongSwan and plain forwarding (root; about 17 minutes, at most 25)",
  )
    .option("--quick", "one short sample of each (at most 5 minutes)")
    .option("--wireguard-go <path>", "also measure this wireguard-go")
    .option("--only <words...>", "only systems whose name contains one of these words")
    .action((flags: Flags & { wireguardGo?: string; only?: string[] }) =>
      guarded(
        "net",
        flags,
        async (signal) => {
          const { benchNet } = await import("../../bench/net/net.ts");
          const result = await benchNet({
            entry: entry(),
            quick: flags.quick === true,
            say,
            signal,
            ...(flags.wireguardGo === undefined ? {} : { wireguardGo: flags.wireguardGo }),
            ...(flags.only === undefined ? {} : { only: flags.only }),
          });
          if (result.rows.length === 0 || result.machine.failed.some(({ system }) => system.startsWith("vcpe")))
            process.exitCode = EXIT.failed;
          return result;
        },
        { lines: netLines },
      ),
    );
  command("spec", "one router with 1 core and 2 GB, then 2 cores and 4 GB, against 200 and 350 Mbit/s (root)")
    .option("--quick", "one short sample of each")
    .action((flags: Flags) =>
      guarded<SpecResult>(
        "spec",
        flags,
        async (signal) => {
          const { benchSpec } = await import("../../bench/net/spec.ts");
          const result = await benchSpec({ entry: entry(), quick: flags.quick === true, say, signal });
          if (!result.rows.every((row) => row.pass)) process.exitCode = EXIT.failed;
          return result;
        },
        { lines, json: ({ rows }) => ({ rows }) },
      ),
    );
  command(
    "shape",
    "what goes into a tunnel held to rates from 1 Mbit/s to 1 Gbit/s: wanted and got, delay, fairness (root)",
  )
    .option("--quick", "three rates, shorter samples")
    .option("--rates <mbps...>", "only these, Mbit/s; none: no limit")
    .option("--workers <n>", "workers of each router", workers, 1)
    .action((flags: Flags & { workers: number; rates?: string[] }) =>
      guarded<ShapeResult>(
        "shape",
        flags,
        async (signal) => {
          const { benchShape } = await import("../../bench/net/shape.ts");
          const result = await benchShape({
            entry: entry(),
            quick: flags.quick === true,
            workers: flags.workers,
            ...(flags.rates === undefined ? {} : { rates: flags.rates.map(rate) }),
            say,
            signal,
          });
          if (!result.rows.every(({ pass }) => pass)) process.exitCode = EXIT.failed;
          return result;
        },
        { lines, json: ({ rows }) => ({ rows }) },
      ),
    );
  command(
    "fleet",
    "one console and very many agents over TLS: connect time, memory, and how soon a change is everywhere",
  )
    .option("--quick", "fewer changes, shorter samples")
    .option("--agents <number>", "edges; two gateways come with them", agents, 10_000)
    .option("--storm", "at the end kill the console, start it again, and see all come back")
    .action((flags: Flags & { agents: number; storm?: boolean }) =>
      guarded("fleet", flags, async (signal) => {
        const { benchFleet } = await import("../../bench/fleet/fleet.ts");
        const [quick, storm] = [flags.quick === true, flags.storm === true];
        const result = await benchFleet({ agents: flags.agents, quick, storm, say, signal });
        say(
          `${result.agents} agents connected in ${result.connect.seconds} s; console ${result.consoleRssMb} MB, at most ${result.consolePeakMb}; ${result.idleCpu} % of a core idle, ${result.reportingCpu} % with reports; ${result.enrolPerSecond} enrolments a second`,
        );
        if (result.storm) {
          const { startSeconds, backSeconds, synchronized, sent } = result.storm;
          say(
            `killed: the console is there after ${startSeconds} s, all are back after ${backSeconds} s; ${synchronized} are synchronized, ${sent} configurations were sent`,
          );
        }
        if (!result.pass) process.exitCode = EXIT.failed;
        return result;
      }),
    );
  bench
    .command("report")
    .description("one HTML page with charts out of the kept results, and a picture and tables for the README")
    .option("-o, --output <file>", "the page", "bench-results/report.html")
    .option("--svg <file>", "also write the chart of bench net alone")
    .option("--markdown", "instead: print the tables of bench net and bench spec as Markdown")
    .action(async (flags: { output: string; svg?: string; markdown?: boolean }) => {
      const { reportMarkdown, writeReport } = await import("../../bench/report/report.ts");
      try {
        if (flags.markdown) process.stdout.write(`${reportMarkdown()}\n`);
        else for (const file of writeReport(flags)) process.stdout.write(`${file}\n`);
      } catch (fault) {
        if (!(fault instanceof BenchFault)) throw fault;
        say(`error: ${fault.message} [${fault.code}]`);
        process.exitCode = EXIT.failed;
      }
    });
  for (const each of [bench, ...bench.commands]) each.exitOverride();
  return bench;
}

function agents(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (Number.isInteger(value) && value >= 10 && value <= 20_000) return value;
  throw new InvalidArgumentError("Give a number of edges, 10 to 20,000.");
}

function count(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (Number.isInteger(value) && value >= 1000) return value;
  throw new InvalidArgumentError("Give a number of packets, at least 1000.");
}

function rate(text: string): number | undefined {
  if (text === "none") return undefined;
  const value = Number(text);
  if (value >= 0.064 && value <= 100_000) return value;
  throw new BenchFault("bad-rate", `"${text}" is no rate.`, "Give Mbit/s from 0.064 to 100000, or none.");
}

function workers(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 16) return value;
  throw new InvalidArgumentError("Give a number from 1 to 16.");
}

function tunnelCount(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (Number.isInteger(value) && value >= 1 && value <= 16_000) return value;
  throw new InvalidArgumentError("Give a number from 1 to 16,000.");
}

interface Shown<T> {
  /** For people. */
  lines(result: T): string[];
  /** For `--json`; default: the result as it is kept. */
  json?(result: T): unknown;
}

/**
 * Runs one bench, keeps its result and shows it. Ctrl-C ends work that takes the signal in order; work that does not has nothing to
 * clean up, computes without a pause, and is ended as any program.
 */
async function guarded<T extends object>(
  kind: string,
  flags: Flags,
  work: (signal: AbortSignal) => Promise<T>,
  shown: Shown<T> = { lines },
): Promise<void> {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const signals = work.length === 0 ? [] : (["SIGINT", "SIGTERM", "SIGHUP"] as const);
  for (const name of signals) process.on(name, stop);
  try {
    const result = await work(stopping.signal);
    // Half a result must not replace a whole one.
    if (stopping.signal.aborted) process.exitCode = EXIT.interrupted;
    else say(`kept in ${keep(kind, result)}`);
    if (flags.json) process.stdout.write(`${JSON.stringify(shown.json?.(result) ?? result)}\n`);
    else for (const line of shown.lines(result)) process.stdout.write(`${line}\n`);
  } catch (fault) {
    if (stopping.signal.aborted) {
      say("interrupted: nothing was measured to its end");
      process.exitCode = EXIT.interrupted;
    } else if (fault instanceof LabFault || fault instanceof BenchFault) {
      say(`error: ${fault.message} [${fault.code}]`);
      process.exitCode = fault instanceof BenchFault ? EXIT.usage : EXIT.failed;
    } else throw fault;
  } finally {
    for (const name of signals) process.off(name, stop);
  }
}

/** Rows of a result as a table; nested values are set side by side. */
function lines(result: object): string[] {
  const { rows } = result as { rows: readonly Record<string, unknown>[] };
  if (rows.length === 0) return ["nothing was measured"];
  const heading = Object.keys(rows[0]!);
  const cell = (value: unknown): string => {
    if (value === null || value === undefined) return "";
    return typeof value === "object" ? Object.values(value).map(cell).join(" / ") : String(value);
  };
  return table(
    heading,
    rows.map((row) => heading.map((key) => cell(row[key]))),
  );
}
