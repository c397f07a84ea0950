/** Runs a lab, the tutorial or the static one: up, checked, shown, and down again. */
import { type LabReport, runChecks } from "../lab/checks.ts";
import { LabFault } from "../lab/fault.ts";
import { Lab, routerName, step } from "../lab/lab.ts";
import { reportTable } from "../lab/report.ts";
import { labOption } from "../lab/state.ts";
import { BRANCHES, CLOUDS, OFFICE } from "../lab/tutorial/plan.ts";
import { tutorialTable } from "../lab/tutorial/report.ts";
import { Tutorial, type TutorialReport } from "../lab/tutorial/tutorial.ts";
import { entry } from "./entry.ts";

export interface LabFlags {
  readonly name: string;
  readonly static?: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly keep?: boolean;
  /** Of each measurement. */
  readonly seconds?: number;
}

/** Either lab, once it is up. */
interface Standing {
  /** Performs what it is there for. `fault`: why it did not come to its end. */
  perform(): Promise<{ readonly report: LabReport | TutorialReport; readonly fault?: LabFault }>;
  down(): Promise<void>;
  readonly hints: string;
}

/** Gives the exit code: 0 when everything passed. @throws LabFault */
export async function runLab(flags: LabFlags): Promise<number> {
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
  let lab: Standing | undefined;
  try {
    lab = await (flags.static ? staticLab : tutorialLab)(flags, say, stopping.signal);
    const { report, fault } = await lab.perform();
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else process.stdout.write(`\n${"steps" in report ? tutorialTable(report) : reportTable(report)} ${seconds} s.\n`);
    if (fault) throw fault;
    if (once) return passed(report) ? 0 : 1;
    say(lab.hints);
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

function passed(report: LabReport | TutorialReport): boolean {
  const rows: { readonly ok: boolean }[] = [...report.checks];
  if ("steps" in report) rows.push(...report.steps, ...report.access);
  return rows.every(({ ok }) => ok);
}

function lasting(seconds: number | undefined): { seconds?: number } {
  return seconds === undefined ? {} : { seconds };
}

async function staticLab(
  { name, seconds }: LabFlags,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Standing> {
  const lab = await Lab.up({ name, entry: entry(), say, signal });
  return {
    perform: async () => ({ report: await runChecks(lab, { say, signal, ...lasting(seconds) }) }),
    down: () => lab.down(),
    hints: staticHints(name),
  };
}

async function tutorialLab(
  { name, seconds }: LabFlags,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Standing> {
  const tutorial = await Tutorial.up({ name, entry: entry(), say, signal, ...lasting(seconds) });
  return {
    perform: async () => {
      try {
        return { report: await tutorial.run() };
      } catch (fault) {
        if (!(fault instanceof LabFault) || fault.code === "interrupted") throw fault;
        return { report: tutorial.report, fault };
      }
    },
    down: () => tutorial.down(),
    hints: tutorialHints(name),
  };
}

function tutorialHints(name: string): string {
  const lab = labOption(name);
  const [hangzhou] = BRANCHES;
  const [shanghai, beijing] = CLOUDS;
  return `
The lab is up. In another terminal, for example:
  from the Hangzhou branch into the Shanghai VPC, and through both access points into the Beijing VPC
    ./vcpe lab exec${lab} ${hangzhou!.host} -- ping ${shanghai!.address}
    ./vcpe lab exec${lab} ${hangzhou!.host} -- ping ${beijing!.address}
  what the internet sees: ESP in UDP, and HTTPS to the console
    ./vcpe lab exec${lab} internet -- tcpdump -ni any
  the operator's commands, in the office of the lab
    ./vcpe lab exec${lab} ${OFFICE} -- vcpe get instances
    … vcpe ready hangzhou-branch · vcpe routes · vcpe events --follow
  its places, processes and tunnels
    ./vcpe lab status${lab}
Ctrl-C ends the lab.`;
}

function staticHints(name: string): string {
  const lab = labOption(name);
  return `
The lab is up. In another terminal, for example:
  from branch A's host into the VPC, and to branch B's host, through the gateway
    ./vcpe lab exec${lab} branch-a-lan -- ping 10.100.0.2
    ./vcpe lab exec${lab} branch-a-lan -- ping fd00:2::2
  what the internet sees: ESP in UDP
    ./vcpe lab exec${lab} internet -- tcpdump -ni any
  the gateway's tunnels, routes, drops
    ./vcpe status --name ${routerName(name, "gw")}
  its places, processes and tunnels
    ./vcpe lab status${lab}
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
