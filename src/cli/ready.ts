/** `vcpe ready INSTANCE`: can its branch reach what it should? One verdict, and the link that is broken. */
import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration, parseDuration } from "../router/config/duration.ts";
import { openClient } from "./client/client.ts";
import { ClientError, sentences, usage } from "./client/error.ts";
import { pathOf } from "./client/kinds.ts";
import { note, say, sayJson, type Terminal } from "./client/terminal.ts";
import { EXIT } from "./exit.ts";

export interface ReadyFlags {
  readonly wait?: boolean;
  readonly timeout: string;
  readonly json?: boolean;
}

interface Readiness {
  readonly ready: boolean;
  readonly links: readonly {
    readonly link: string;
    readonly ok: boolean;
    readonly code: string;
    readonly message: string;
    readonly next: string;
  }[];
}

/** Between two looks, milliseconds. */
const PERIOD = 500;

/** Codes of errors that pass by when the console is back. */
const AWAY: ReadonlySet<string> = new Set(["unreachable", "answer-lost"]);

/** Gives the exit code: 1 when it is not ready, in time. */
export async function ready(terminal: Terminal, name: string, { wait, timeout, json }: ReadyFlags): Promise<number> {
  const limit = parseDuration(timeout);
  if (limit === undefined) throw usage(`--timeout: "${timeout}" is no duration`, "Write a number and a unit: 30s, 2m");
  const client = openClient(terminal);
  const look = async () => (await client.get<Readiness>(pathOf("instance", name, "ready"))).body;
  const start = performance.now();
  const late = () => performance.now() - start >= limit;
  let seen = await look();
  let told = "";
  let line = brokenIn(seen);
  while (wait && !seen.ready && !late()) {
    // On a terminal and in a log alike: a line for each step.
    if (line !== told)
      note(terminal, `waiting (${formatDuration(Math.round((performance.now() - start) / 1000) * 1000)}): ${line}`);
    told = line;
    await sleep(PERIOD);
    try {
      seen = await look();
      line = brokenIn(seen);
    } catch (error) {
      // A console that has answered before may be on its way back from a restart.
      if (!(error instanceof ClientError) || !AWAY.has(error.code) || late()) throw error;
      line = error.message;
    }
  }
  if (json) sayJson(terminal, seen);
  else say(terminal, ...verdict(name, seen));
  return seen.ready ? EXIT.ok : EXIT.failed;
}

function brokenIn({ links }: Readiness): string {
  const broken = links.find(({ ok }) => !ok);
  return broken ? `${broken.link}: ${broken.message}` : "not ready";
}

/** The chain, and under its first broken link the step that mends it. What follows a broken link says little. */
function verdict(name: string, { ready: good, links }: Readiness): string[] {
  const broken = links.findIndex(({ ok }) => !ok);
  const width = Math.max(0, ...links.map(({ link }) => link.length));
  return [
    `${name} is ${good ? "ready" : "not ready"}`,
    ...links.flatMap(({ link, ok, message, next }, i) => [
      `  ${ok ? "✓" : "✗"} ${link.padEnd(width)}  ${message}`,
      ...(i === broken && next !== "" ? [`    ${" ".repeat(width)}  → ${sentences(next)}`] : []),
    ]),
  ];
}
