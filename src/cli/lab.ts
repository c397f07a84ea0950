/** `vcpe lab`: a whole region in network namespaces on this machine. */
import { spawn } from "node:child_process";
import { Command, InvalidArgumentError, Option } from "commander";
import { inside } from "../lab/command.ts";
import { LabFault } from "../lab/fault.ts";
import { namespaceOf } from "../lab/lab.ts";
import { PLAN, type Place, type Plan } from "../lab/plan.ts";
import { demandMachine } from "../lab/prerequisites.ts";
import { alive } from "../lab/process.ts";
import { table } from "../lab/report.ts";
import { DEFAULT_LAB, labOption, recorded, sweep } from "../lab/state.ts";
import { status } from "../lab/status.ts";
import { OFFICE, TUTORIAL } from "../lab/tutorial/plan.ts";
import { credentialsOf } from "../lab/tutorial/tutorial.ts";
import { entry } from "./entry.ts";
import { EXIT } from "./exit.ts";
import { type LabFlags, runLab } from "./lab-run.ts";

/** The sub-command with its own sub-commands: exec, status, down. */
export function labCommand(): Command {
  const lab = new Command("lab")
    .description(
      "the tutorial on this machine: console, access points, branches and VPCs in network namespaces; performs it, checks it and stays up",
    )
    .addOption(nameOption())
    .option("--static", "without a console: two branches and a gateway from YAML files")
    .option("--once", "end when the checks are done; exit code 0 when all passed, else 1")
    .option("--json", "print the results as JSON on standard output, progress on standard error; implies --once")
    .addOption(secondsOption())
    .option("--keep", "with --once: leave the lab up; `vcpe lab down` removes it")
    .action(async (flags: LabFlags) => {
      process.exitCode = await guarded(() => runLab(flags));
    });
  // Options behind `exec PLACE` belong to the command that is run.
  lab.enablePositionalOptions();
  lab
    .command("exec")
    .description(
      "run a command at a place of the lab, e.g. vcpe lab exec hangzhou-host -- ping 10.1.1.10; vcpe itself is found at each, and logged in at the office",
    )
    .argument("<place>", "a place of the lab; `vcpe lab status` lists them")
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

function secondsOption(): Option {
  return new Option(
    "--seconds <n>",
    "how long each measurement of traffic takes, 1 to 60; default 3, with --static 2",
  ).argParser((text) => {
    if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 60) return Number(text);
    throw new InvalidArgumentError("Use a whole number from 1 to 60.");
  });
}

/** Runs an action; what goes wrong is told in a sentence, without a stack. */
async function guarded(action: () => Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (fault) {
    if (!(fault instanceof LabFault)) throw fault;
    process.stderr.write(
      `${fault.code === "interrupted" ? "interrupted" : `error: ${fault.message} [${fault.code}]`}\n`,
    );
    return fault.code === "interrupted" ? EXIT.interrupted : EXIT.failed;
  }
}

/** The record of the lab; fault `lab-absent` when none is up. */
function standing(name: string) {
  const record = recorded(name);
  if (!record || record.namespaces.length === 0)
    throw new LabFault("lab-absent", "No lab is up.", "Start one with `vcpe lab`.");
  return record;
}

/** The plan of the lab that is up: the one with all its namespaces. */
function planOf(lab: string, namespaces: readonly string[]): Plan {
  const stands = ({ name }: Place) => namespaces.includes(namespaceOf(lab, name));
  return [TUTORIAL, PLAN].find((plan) => plan.places.every(stands)) ?? PLAN;
}

async function execute(name: string, place: string, command: readonly string[]): Promise<number> {
  demandMachine();
  const { places } = planOf(name, standing(name).namespaces);
  if (!places.some((candidate) => candidate.name === place)) {
    const names = places.map((candidate) => candidate.name).join(", ");
    throw new LabFault("unknown-place", `The lab has no place called ${place}.`, `There are: ${names}.`);
  }
  // This very vcpe, wherever it is; in the office it is logged in.
  const words = command[0] === "vcpe" ? [...entry(), ...command.slice(1)] : command;
  const [program, ...rest] = inside(namespaceOf(name, place), words);
  const env = place === OFFICE ? { VCPE_CREDENTIALS: credentialsOf(name), ...process.env } : process.env;
  return new Promise((resolve) => {
    const child = spawn(program!, rest, { stdio: "inherit", env });
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
  const owned = alive(record.owner)
    ? `process ${record.owner.pid}`
    : `none, it stays up until \`vcpe lab down${labOption(name)}\``;
  out(`lab is up; owner: ${owned}\n`);
  const plan = planOf(name, record.namespaces);
  const addresses = (place: string) =>
    plan.links
      .flatMap((link) => link.ends)
      .filter((end) => end.place === place)
      .flatMap((end) => end.addresses)
      .join(" ");
  out(
    table([
      ["place", "what", "addresses"],
      ...plan.places.map((place) => [place.name, place.title, addresses(place.name)]),
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
  const rows = await Promise.all(record.routers.map(tunnelRows));
  out(table([["router", "tunnel", "state", "peer", "cipher", "in", "out"], ...rows.flat()]));
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

async function tunnelRows(router: string): Promise<string[][]> {
  try {
    const { tunnels } = await status(router);
    return tunnels.map((tunnel) => {
      const { address, port } = tunnel.peer;
      const sum = (way: "in" | "out") => tunnel.children.reduce((total, child) => total + child[way].packets, 0);
      const ciphers = [...new Set(tunnel.children.map((child) => child.cipher))].join(", ");
      return [
        router,
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
    return [[router, "-", "no answer", fault.message, "", "", ""]];
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
