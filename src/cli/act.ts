/** `vcpe bind`, `unbind`, `activate`, `lock`, `unlock`, `reset-key` and `release`. */
import type { Kind } from "../console/model/resources.ts";
import { type Client, openClient } from "./client/client.ts";
import { routerLines } from "./client/difference.ts";
import { usage } from "./client/error.ts";
import type { Item, RouterDiff } from "./client/item.ts";
import { checkKeysFile, showKeys } from "./client/keys.ts";
import { kindOf, pathOf } from "./client/kinds.ts";
import { say, sayJson, type Terminal } from "./client/terminal.ts";

export interface ActFlags {
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly keysFile?: string;
}

/** What is bound to what. */
const BINDINGS: Readonly<Partial<Record<Kind, Kind>>> = { instance: "ccn", ccn: "cen", vpc: "cen", vbr: "cen" };

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
  const other = BINDINGS[kind];
  if (!other) throw usage(`${kind}s are bound to nothing`, "Bind an instance to a CCN; a CCN, VPC or VBR to a CEN");
  if (to !== undefined && kindOf(to) !== other)
    throw usage(
      `${kind === "instance" ? "an" : "a"} ${kind} is bound to a ${other}, not to ${kindOf(to) === "instance" ? "an" : "a"} ${kindOf(to)}`,
      `vcpe ${act} ${kind} ${name} ${other} NAME`,
    );
  const client = openClient(terminal);
  const goal = target ?? (act === "unbind" ? await boundTo(client, kind, name, other) : null);
  if (goal === null) throw usage(`the ${kind} ${name} is bound to no ${other}`, "There is nothing to take back");
  await done(
    terminal,
    flags,
    `${kind} ${name} ${act === "bind" ? "bound to" : "unbound from"} ${other} ${goal}`,
    (query) => client.post(pathOf(kind, name, act), { to: goal }, query),
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

interface Answer {
  readonly dryRun?: true;
  readonly routers?: readonly RouterDiff[];
  readonly serial?: string;
  readonly key?: string;
}

async function done(
  terminal: Terminal,
  { json, dryRun, keysFile }: ActFlags,
  words: string,
  ask: (query: { dryRun: string | undefined }) => Promise<{ readonly body: unknown }>,
): Promise<void> {
  const body = (await ask({ dryRun: dryRun ? "true" : undefined })).body as Answer | undefined;
  const { serial, key } = body ?? {};
  if (json && !keysFile) return sayJson(terminal, body ?? {});
  if (body?.dryRun) return say(terminal, `dry run: ${words}`, ...routerLines(body.routers ?? []));
  if (!json) say(terminal, words);
  if (serial !== undefined && key !== undefined)
    showKeys(json ? { ...terminal, out: terminal.err } : terminal, [{ serial, role: "", key }], keysFile);
  if (json) sayJson(terminal, { ...body, key: undefined });
}
