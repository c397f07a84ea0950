/** `vcpe events`, `audit` and `routes`: what happened, who did it, and which prefixes there are. */
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { jsonText } from "../router/shown.ts";
import { type Client, openClient } from "./client/client.ts";
import { ClientError, usage } from "./client/error.ts";
import { timeText } from "./client/item.ts";
import { serverEvents } from "./client/sse.ts";
import { note, say, sayJson, sayTable, type Terminal } from "./client/terminal.ts";

interface ConsoleEvent {
  readonly id: number;
  readonly at: string;
  readonly level: string;
  readonly code: string;
  readonly message: string;
  readonly subject?: { readonly kind: string; readonly name: string };
}

export interface EventFlags {
  readonly follow?: boolean;
  readonly level?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const LEVELS = ["INFO", "WARN", "CRITICAL"];
/** Events that are asked for at once. */
const PAGE = 500;
/** Between two attempts to connect, milliseconds. */
const PAUSES = [500, 1000, 2000, 5000, 10_000];

/** Follows until `signal`. */
export async function events(
  terminal: Terminal,
  { follow, level, limit, json }: EventFlags,
  signal: AbortSignal,
): Promise<void> {
  const wanted = level?.toUpperCase();
  if (wanted !== undefined && !LEVELS.includes(wanted))
    throw usage(`there is no level "${level}"`, `Levels: ${LEVELS.join(", ")}`);
  const client = openClient(terminal);
  const { body } = await client.get<{ items: ConsoleEvent[] }>("/v1/events", { level: wanted, limit });
  const show = (event: ConsoleEvent) => say(terminal, json ? jsonText(event) : line(event));
  if (!follow && json) return sayJson(terminal, body.items);
  if (!follow && body.items.length === 0) return say(terminal, "no events");
  let last = 0;
  const fresh = (event: ConsoleEvent) => {
    if (event.id <= last) return;
    last = event.id;
    if (wanted === undefined || event.level === wanted) show(event);
  };
  body.items.forEach(fresh);
  if (!follow) return;

  for (let failures = 0; !signal.aborted; ) {
    let stream: IncomingMessage | undefined;
    try {
      stream = await client.stream("/v1/events/stream", signal);
      // What came between is read from the list; what comes meanwhile waits in the stream.
      await missed(client, last, fresh);
      failures = 0;
      for await (const { event, data } of serverEvents(stream)) if (event === "event") fresh(JSON.parse(data));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ClientError && error.reason !== "no-answer") throw error;
      if (failures === 1) note(terminal, `${(error as Error).message}; trying again`);
    } finally {
      stream?.destroy();
    }
    await sleep(PAUSES[Math.min(failures++, PAUSES.length - 1)], undefined, { signal }).catch(() => undefined);
  }
}

async function missed(client: Client, last: number, fresh: (event: ConsoleEvent) => void): Promise<void> {
  for (let after = last, more = true; more; ) {
    const query = { after: String(after), limit: String(PAGE) };
    const { items } = (await client.get<{ items: ConsoleEvent[] }>("/v1/events", query)).body;
    items.forEach(fresh);
    more = items.length === PAGE;
    after = items.at(-1)?.id ?? after;
  }
}

/** Most codes are no longer. */
const CODE = 20;

/** Whom it is about is said where the message does not name it. */
function line({ at, level, code, message, subject }: ConsoleEvent): string {
  const about = subject && !message.includes(subject.name) ? `  (${subject.kind} ${subject.name})` : "";
  return `${timeText(at)}  ${level.padEnd(8)}  ${code.padEnd(CODE)}  ${message}${about}`;
}

interface AuditLine {
  readonly at: string;
  readonly user: string;
  readonly role: string;
  readonly via: string;
  readonly address: string;
  readonly action: string;
  readonly changes: readonly { readonly kind: string; readonly name: string }[];
}

export async function audit(
  terminal: Terminal,
  { limit, user, json }: { limit: string; user?: string; json?: boolean },
): Promise<void> {
  const { body } = await openClient(terminal).get<{ items: AuditLine[] }>("/v1/audit", { limit, user });
  if (json) return sayJson(terminal, body.items);
  if (body.items.length === 0) return say(terminal, "nothing is written down");
  const rows = body.items.map(({ at, user: who, via, address, action, changes }) => [
    timeText(at),
    who,
    via,
    address,
    action,
    about(changes),
  ]);
  sayTable(terminal, ["AT", "WHO", "VIA", "FROM", "DID", "WHAT"], rows, ["VIA", "FROM", "WHAT"]);
}

function about(changes: AuditLine["changes"]): string {
  const shown = changes.slice(0, 3).map(({ kind, name }) => `${kind} ${name}`);
  return [...shown, ...(changes.length > 3 ? [`+${changes.length - 3}`] : [])].join(", ") || "–";
}

interface Route {
  readonly component: string;
  readonly prefix: string;
  readonly origin: { readonly kind: string; readonly name: string };
  readonly published: boolean;
  readonly conflicts: readonly { readonly kind: string; readonly name: string; readonly prefix: string }[];
}

export interface RouteFlags {
  readonly cen?: string;
  readonly ccn?: string;
  readonly instance?: string;
  readonly json?: boolean;
}

export async function routes(terminal: Terminal, { cen, ccn, instance, json }: RouteFlags): Promise<void> {
  if ([cen, ccn, instance].filter((one) => one !== undefined).length > 1)
    throw usage("of --cen, --ccn and --instance one is enough", "Leave the others out");
  const client = openClient(terminal);
  const { body } = await client.get<{ items: Route[] }>("/v1/routes", { cen, ccn, instance });
  if (json) return sayJson(terminal, body.items);
  if (body.items.length === 0) return say(terminal, "no routes");
  const names = new Map<string, string>();
  for (const kind of ["cens", "ccns"])
    for (const { id, name } of await client.list<{ id: string; name: string }>(`/v1/${kind}`)) names.set(id, name);
  const rows = body.items.map(({ component, prefix, origin, published, conflicts }) => [
    prefix,
    `${origin.kind} ${origin.name}`,
    published ? "published" : "withdrawn",
    names.get(component) ?? component,
    conflicts.map((one) => `${one.prefix} of ${one.kind} ${one.name}`).join(", ") || "–",
  ]);
  sayTable(terminal, ["PREFIX", "FROM", "STATE", "NETWORK", "CONFLICTS"], rows, ["NETWORK", "FROM"]);
}
