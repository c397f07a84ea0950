/** `vcpe bind`, `unbind`, `activate`, `lock`, `unlock`, `reset-key` and `release`. */
import { BINDINGS } from "../console/model/references.ts";
import type { Kind } from "../console/model/resources.ts";
import { article } from "../console/model/word.ts";
import { type Client, openClient } from "./client/client.ts";
import { type Concerned, routerLines } from "./client/difference.ts";
import { ClientError, usage } from "./client/error.ts";
import type { Item } from "./client/item.ts";
import { checkKeysFile, showKeys } from "./client/keys.ts";
import { kindOf, pathOf } from "./client/kinds.ts";
import { say, sayJson, type Terminal } from "./client/terminal.ts";

export interface ActFlags {
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly keysFile?: string;
}

/** Acts, whom they are for, and what is said when they are done. */
const ACTS = {
  activate: ["instance", "activated"],
  lock: ["instance", "locked"],
  unlock: ["instance", "unlocked"],
  "reset-key": ["device", "has a new key; the old one and the identity it gave are void"],
  release: ["device", "released; another host may enrol as it"],
} as const;

export type Act = keyof typeof ACTS;

export async function bind(
  terminal: Terminal,
  act: "bind" | "unbind",
  words: readonly [what: string, name: string, to?: string, target?: string],
  flags: ActFlags,
): Promise<void> {
  const [what, name, to, target] = words;
  const kind = kindOf(what);
  const other = (BINDINGS as Readonly<Partial<Record<Kind, Kind>>>)[kind];
  if (!other)
    throw usage(`${article(kind)} is bound to nothing`, "Bind an instance to a CCN; a CCN, VPC or VBR to a CEN");
  if (to !== undefined && kindOf(to) !== other)
    throw usage(
      `${article(kind)} is bound to a ${other}, not to ${article(kindOf(to))}`,
      `vcpe ${act} ${kind} ${name} ${other} NAME`,
    );
  const client = openClient(terminal);
  const goal = target ?? (act === "unbind" ? await boundTo(client, kind, name, other) : null);
  if (goal === null && act === "bind") throw usage(`which ${other}?`, `vcpe bind ${kind} ${name} ${other} NAME`);
  const outcome =
    goal === null ? `is bound to no ${other}` : `${act === "bind" ? "bound to" : "unbound from"} ${other} ${goal}`;
  await done(terminal, flags, `${kind} ${name} ${outcome}`, (query) =>
    client.post(pathOf(kind, name, act), goal === null ? {} : { to: goal }, query),
  );
}

/** The name of what it is bound to; null: nothing. */
async function boundTo(client: Client, kind: Kind, name: string, other: Kind): Promise<string | null> {
  const id = (await client.get<Item>(pathOf(kind, name))).body[other] as string | null;
  return id === null ? null : (await client.get<Item>(pathOf(other, id))).body.name;
}

export async function act(terminal: Terminal, what: Act, word: string, name: string, flags: ActFlags): Promise<void> {
  const [kind, words] = ACTS[what];
  if (kindOf(word) !== kind) throw usage(`${what} is for ${kind}s`, `vcpe ${what} ${kind} NAME`);
  checkKeysFile(flags.keysFile);
  const client = openClient(terminal);
  await done(terminal, flags, `${kind} ${name} ${words}`, (query) =>
    client.post(pathOf(kind, name, what), undefined, query),
  );
}

/** The console names keys of a request that nobody here wrote. */
async function keyless<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw error instanceof ClientError ? error.withPaths(() => undefined) : error;
  }
}

interface Answer extends Partial<Concerned> {
  readonly dryRun?: true;
  readonly serial?: string;
  readonly key?: string;
}

async function done(
  terminal: Terminal,
  { json, dryRun, keysFile }: ActFlags,
  words: string,
  ask: (query: { dryRun: string | undefined }) => Promise<{ readonly body: unknown }>,
): Promise<void> {
  const { body } = (await keyless(ask({ dryRun: dryRun ? "true" : undefined }))) as { readonly body?: Answer };
  const { serial, key } = body ?? {};
  if (json && (!keysFile || body?.dryRun)) return sayJson(terminal, body ?? {});
  if (body?.dryRun) return say(terminal, `dry run: ${words}`, ...routerLines({ routers: [], ...body }));
  if (!json) say(terminal, words);
  if (serial !== undefined && key !== undefined)
    showKeys(json ? { ...terminal, out: terminal.err } : terminal, [{ serial, role: "", key }], keysFile);
  if (json) sayJson(terminal, { ...body, key: undefined });
}
