/** `vcpe lab`: a whole region in network namespaces on this machine. */
import { spawn } from "node:child_process";
import { Command, InvalidArgumentError, Option } from "commander";
import { type LabReport, runChecks } from "../lab/checks.ts";
import { inside } from "../lab/command.ts";
import { LabFault } from "../lab/fault.ts";
import { Lab, namespaceOf, routerName, step } from "../lab/lab.ts";
import { PLAN, SITES } from "../lab/plan.ts";
import { demandMachine } from "../lab/prerequisites.ts";
import { alive } from "../lab/process.ts";
import { reportTable, table } from "../lab/report.ts";
import { DEFAULT_LAB, labOption, recorded, sweep } from "../lab/state.ts";
import { status } from "../lab/status.ts";

interface LabFlags {
  name: string;
  once?: boolean;
  json?: boolean;
  keep?: boolean;
}

/** The sub-command with its own sub-commands: exec, status, down. */
export function labCommand(): Command {
  const lab = new Command("lab")
    .description(
      "two branches, a gateway and the internet between them, on this machine; checks the tunnels and stays up",
    )
    .addOption(nameOption())
    .option("--once", "end when the checks are done; exit code 0 when all passed, else 1")
    .option("--json", "print the results as JSON on standard output, progress on standard error; implies --once")
    .option("--keep", "with --once: leave the lab up; `vcpe lab down` removes it")
    .action(async (flags: LabFlags) => {
      process.exitCode = await guarded(() => runLab(flags));
    });
  // Options behind `exec PLACE` belong to the command that is run.
  lab.enablePositionalOptions();
  lab
    .command("exec")
    .description("run a command at a place of the lab, e.g. vcpe lab exec branch-a -- ping 10.100.0.2")
    .argument("<place>", `one of ${PLAN.places.map((place) => place.name).join(", ")}`)
    .argument("<command...>", "the command and its arguments, behind --")
    .passThroughOptions()
    .addOption(nameOption())
    .action(async (place: string, command: string[], { name }: { name: string }) => {
      process.exitCode = await guarded(() => execute(name, place, command[0] === "--" ? command.slice(1) : command));
    });
  lab
    .command("status")
    .description("show the lab's places, processes and tunnels")
    .addOption(nameOption())
    .action(async ({ name }: { name: string }) => {
      process.exitCode = await guarded(() => showStatus(name));
    });
  lab
    .command("down")
    .description("end the lab and remove whatever a killed one left")
    .addOption(nameOption())
    .action(async ({ name }: { name: string }) => {
      process.exitCode = await guarded(() => takeDown(name));
    });
  // Wrong usage is thrown, so that the program ends with its own exit code for it.
  for (const command of [lab, ...lab.commands]) command.exitOverride();
  return lab;
}

/** Several labs can be up side by side; most people need one. */
function nameOption(): Option {
  return new Option("--name <name>", "name of the lab, when there is more than one")
    .default(DEFAULT_LAB)
    .argParser((text) => {
      // It becomes part of namespaces' and folders' names.
      if (/^[a-z0-9]{1,16}$/.test(text)) return text;
      throw new InvalidArgumentError("Use 1 to 16 small letters and digits.");
    });
}

/** Runs an action; what goes wrong is told in a sentence, without a stack. 130 is the shell's code for Ctrl-C. */
async function guarded(action: () => Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (fault) {
    if (!(fault instanceof LabFault)) throw fault;
    process.stderr.write(
      `${fault.code === "interrupted" ? "interrupted" : `error: ${fault.message} [${fault.code}]`}\n`,
    );
    return fault.code === "interrupted" ? 130 : 1;
  }
}

async function runLab(flags: LabFlags): Promise<number> {
  const once = flags.once === true || flags.json === true;
  const progress = flags.json ? process.stderr : process.stdout;
  const say = (line: string) => progress.write(`${line}\n`);
  const begun = performance.now();
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, stop);
  // Nobody reads on (`vcpe lab | head`): the lab is taken down as by Ctrl-C.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", stop);
  let lab: Lab | undefined;
  try {
    const entry = [process.execPath, ...process.execArgv, process.argv[1]!];
    lab = await Lab.up({ name: flags.name, entry, say, signal: stopping.signal });
    const report = await runChecks(lab, { say, signal: stopping.signal });
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    show(report, flags, seconds);
    if (once) return report.checks.every((check) => check.ok) ? 0 : 1;
    say(hints(flags.name));
    await aborted(stopping.signal);
    say("taking the lab down");
    return 0;
  } finally {
    if (lab && !(flags.keep && once && !stopping.signal.aborted)) {
      await step(say, "lab is down", () => lab!.down());
    } else if (lab) {
      say(`the lab stays up; \`vcpe lab down${labOption(flags.name)}\` removes it`);
    }
    for (const name of signals) process.off(name, stop);
  }
}

function show(report: LabReport, flags: LabFlags, seconds: string): void {
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(`\n${reportTable(report)} ${seconds} s.\n`);
}

function hints(name: string): string {
  const lab = labOption(name);
  return `
The lab is up. In another terminal, for example:
  vcpe lab exec${lab} branch-a-lan -- ping 10.100.0.2      from branch A's host into the VPC
  vcpe lab exec${lab} branch-a-lan -- ping fd00:2::2       to branch B's host, through the gateway
  vcpe lab exec${lab} internet -- tcpdump -ni any           what the internet sees: ESP in UDP
  vcpe status --name ${routerName(name, "gw")}                               the gateway's tunnels, routes, drops
  vcpe lab status${lab}
Ctrl-C ends the lab.`;
}

function aborted(signal: AbortSignal): Promise<void> {
  // A timer keeps the process alive while it waits for the signal.
  const awake = setInterval(() => undefined, 60_000);
  return new Promise((resolve) => {
    const settle = () => {
      clearInterval(awake);
      resolve();
    };
    if (signal.aborted) settle();
    else signal.addEventListener("abort", settle, { once: true });
  });
}

/** The record of the lab; fault `lab-absent` when none is up. */
function standing(name: string) {
  const record = recorded(name);
  if (!record || record.namespaces.length === 0)
    throw new LabFault("lab-absent", "No lab is up.", "Start one with `vcpe lab`.");
  return record;
}

async function execute(name: string, place: string, command: readonly string[]): Promise<number> {
  demandMachine();
  if (!PLAN.places.some((candidate) => candidate.name === place)) {
    const names = PLAN.places.map((candidate) => candidate.name).join(", ");
    throw new LabFault("unknown-place", `The lab has no place called ${place}.`, `There are: ${names}.`);
  }
  standing(name);
  const [program, ...rest] = inside(namespaceOf(name, place), command);
  return new Promise((resolve) => {
    const child = spawn(program!, rest, { stdio: "inherit" });
    // Ctrl-C reaches the command through the terminal; this process waits for its exit code.
    const ignore = () => undefined;
    process.on("SIGINT", ignore);
    child.on("error", () => resolve(127));
    child.on("exit", (code) => {
      process.off("SIGINT", ignore);
      resolve(code ?? 128);
    });
  });
}

async function showStatus(name: string): Promise<number> {
  const record = standing(name);
  const lines: string[] = [];
  const out = (text: string) => lines.push(text);
  const owned = alive(record.owner) ? `process ${record.owner.pid}` : "none, it stays up until `vcpe lab down`";
  out(`lab is up; owner: ${owned}\n`);
  const addresses = (place: string) =>
    PLAN.links
      .flatMap((link) => link.ends)
      .filter((end) => end.place === place)
      .flatMap((end) => end.addresses)
      .join(" ");
  out(
    table([
      ["place", "what", "addresses"],
      ...PLAN.places.map((place) => [place.name, place.title, addresses(place.name)]),
    ]),
  );
  out("");
  const processes = record.processes.map(({ pid, what, log, ...rest }) => [
    String(pid),
    alive({ pid, started: rest.started }) ? "runs" : "ended",
    what,
    log,
  ]);
  out(table([["pid", "state", "process", "log"], ...processes]));
  out("");
  const rows = await Promise.all(SITES.map((site) => tunnelRows(name, site.router)));
  out(table([["router", "tunnel", "state", "peer", "cipher", "in", "out"], ...rows.flat()]));
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

async function tunnelRows(name: string, place: string): Promise<string[][]> {
  try {
    const { tunnels } = await status(routerName(name, place));
    return tunnels.map((tunnel) => {
      const { address, port } = tunnel.peer;
      const sum = (way: "in" | "out") => tunnel.children.reduce((total, child) => total + child[way].packets, 0);
      const ciphers = [...new Set(tunnel.children.map((child) => child.cipher))].join(", ");
      return [
        place,
        tunnel.name,
        tunnel.state,
        address === null ? "-" : `${address} port ${port}`,
        ciphers,
        `${sum("in")} packets`,
        `${sum("out")} packets`,
      ];
    });
  } catch (fault) {
    if (!(fault instanceof LabFault)) throw fault;
    return [[place, "-", "no answer", fault.message, "", "", ""]];
  }
}

async function takeDown(name: string): Promise<number> {
  demandMachine();
  const swept = await sweep(name, { takeOver: true });
  const nothing = swept.namespaces === 0 && swept.processes === 0;
  const told = nothing
    ? "nothing was left"
    : `removed ${swept.namespaces} namespaces and ended ${swept.processes} processes`;
  process.stdout.write(`${told}\n`);
  return 0;
}
