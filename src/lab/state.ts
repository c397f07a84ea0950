/**
 * What a lab has made, on disk before it is made, so that the next `vcpe lab` or `vcpe lab down` can remove what a
 * killed one left. One folder per lab: /run/vcpe-lab/NAME/{state.json, configs, keys, logs, captures}.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { attempt } from "./command.ts";
import { LabFault } from "./fault.ts";
import { alive, awaitEnd, end, mark, type ProcessMark, signal } from "./process.ts";

export const LAB_ROOT = "/run/vcpe-lab";
/** Where a router keeps its socket and its state, one folder per name. */
export const ROUTER_ROOT = "/run/vcpe";
/** Every namespace of every lab begins so; nothing else is ever deleted. */
export const NAMESPACE_PREFIX = "vcpe-";

/** The lab that `vcpe lab` runs; tests give theirs other names, so that they can run beside it. */
export const DEFAULT_LAB = "lab";

/** How a command line names this lab: nothing for the default one. */
export function labOption(lab: string): string {
  return lab === DEFAULT_LAB ? "" : ` --name ${lab}`;
}

export interface RecordedProcess extends ProcessMark {
  readonly what: string;
  readonly log: string;
}

interface Recorded {
  readonly owner: ProcessMark;
  readonly namespaces: string[];
  readonly processes: RecordedProcess[];
  /** Names of the routers, whose folders under /run/vcpe go too. */
  readonly routers: string[];
}

/** Folder of the lab called `lab`. */
export function labFolder(lab: string): string {
  return join(LAB_ROOT, lab);
}

function stateFile(lab: string): string {
  return join(labFolder(lab), "state.json");
}

/** What is on record for `lab`; undefined when there is nothing. */
export function recorded(lab: string): Recorded | undefined {
  try {
    return JSON.parse(readFileSync(stateFile(lab), "utf8")) as Recorded;
  } catch {
    return undefined;
  }
}

/** The record of the lab that this process runs. Each note is on disk when the call returns. */
export class LabState {
  readonly lab: string;
  readonly folder: string;
  /** Ctrl-C: whoever waits for a process of this lab gives up. */
  readonly signal: AbortSignal | undefined;
  #record: Recorded;

  /** Begins the record anew; call `sweep` before. */
  constructor(lab: string, signal?: AbortSignal) {
    this.lab = lab;
    this.signal = signal;
    this.folder = labFolder(lab);
    this.#record = { owner: mark(process.pid)!, namespaces: [], processes: [], routers: [] };
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#write();
  }

  get processes(): readonly RecordedProcess[] {
    return this.#record.processes;
  }

  /** Notes namespaces that are about to be made. Fault `foreign-namespace` when one exists that no record names. */
  noteNamespaces(names: readonly string[]): void {
    for (const name of names) {
      if (!name.startsWith(NAMESPACE_PREFIX)) throw new Error(`a namespace of the lab must begin with vcpe-: ${name}`);
      if (existsSync(join("/run/netns", name))) {
        throw new LabFault(
          "foreign-namespace",
          `The network namespace ${name} exists already, and no lab has it on record.`,
          `If nothing needs it: ip netns del ${name}`,
        );
      }
    }
    this.#record.namespaces.push(...names);
    this.#write();
  }

  noteRouter(name: string): void {
    if (!this.#record.routers.includes(name)) this.#record.routers.push(name);
    this.#write();
  }

  noteProcess(process: RecordedProcess): void {
    const others = this.#record.processes.filter(alive);
    this.#record.processes.splice(0, Infinity, ...others, process);
    this.#write();
  }

  #write(): void {
    const file = stateFile(this.lab);
    writeFileSync(`${file}.new`, JSON.stringify(this.#record, undefined, 2), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}

/** What a sweep removed. */
export interface Swept {
  readonly namespaces: number;
  readonly processes: number;
}

/**
 * Removes everything that is on record for `lab`: its processes (and whatever else runs inside its namespaces), the
 * namespaces, its routers' folders, its own folder. Fault `lab-running` when another living process owns it, unless
 * `takeOver`: then that process is asked to end first.
 */
export async function sweep(lab: string, options: { takeOver?: boolean } = {}): Promise<Swept> {
  const record = recorded(lab);
  if (!record) {
    removeFolder(lab);
    return { namespaces: 0, processes: 0 };
  }
  const { owner } = record;
  if (owner.pid !== process.pid && alive(owner)) {
    if (!options.takeOver) {
      throw new LabFault(
        "lab-running",
        `A lab is up already (process ${owner.pid}).`,
        `End it there with Ctrl-C, or from here with \`vcpe lab down${labOption(lab)}\`.`,
      );
    }
    signal(owner, "SIGTERM");
    await awaitEnd([owner], 15_000);
    if (alive(owner)) await end([owner], 0);
    return sweep(lab);
  }
  const namespaces = record.namespaces.filter(
    (name) => name.startsWith(NAMESPACE_PREFIX) && existsSync(join("/run/netns", name)),
  );
  const ours = record.processes.filter(alive);
  await end(ours);
  // Whatever else runs inside our own namespaces (a shell of `lab exec`, a ping) goes with them.
  const guests = await Promise.all(namespaces.map(inhabitants));
  await end(guests.flat(), 500);
  await Promise.all(namespaces.map((name) => attempt(["ip", "netns", "del", name])));
  for (const router of record.routers) {
    if (/^[A-Za-z0-9._-]+$/.test(router) && !/^\.+$/.test(router)) {
      rmSync(join(ROUTER_ROOT, router), { recursive: true, force: true });
    }
  }
  removeFolder(lab);
  return { namespaces: namespaces.length, processes: ours.length + guests.flat().length };
}

/** The lab's folder, and the one that holds all labs when this was the last. */
function removeFolder(lab: string): void {
  rmSync(labFolder(lab), { recursive: true, force: true });
  if (existsSync(LAB_ROOT) && readdirSync(LAB_ROOT).length === 0) rmdirSync(LAB_ROOT);
}

/** Processes inside a namespace. */
async function inhabitants(namespace: string): Promise<ProcessMark[]> {
  const { stdout } = await attempt(["ip", "netns", "pids", namespace]);
  const pids = stdout.split("\n").filter((line) => line !== "");
  return pids.map((line) => mark(Number(line))).filter((found) => found !== undefined);
}
