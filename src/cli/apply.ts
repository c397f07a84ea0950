/** `vcpe apply -f FILE`: makes the console as the file says, all of it or nothing; again, and nothing changes. */
import { openClient } from "./client/client.ts";
import { type Concerned, routerLines } from "./client/difference.ts";
import { ClientError, usage } from "./client/error.ts";
import type { NewDevice } from "./client/item.ts";
import { checkKeysFile, showKeys } from "./client/keys.ts";
import { readSite, type Site, SiteFile } from "./client/site.ts";
import { note, say, sayJson, type Terminal } from "./client/terminal.ts";

export interface ApplyFlags {
  readonly file?: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly json?: boolean;
  readonly schema?: boolean;
  readonly keysFile?: string;
  /** Of how many routers the difference is told. */
  readonly routers?: string;
}

interface Named {
  readonly kind: string;
  readonly name: string;
}

interface Applied extends Concerned {
  readonly dryRun?: true;
  readonly created: readonly Named[];
  readonly updated: readonly Named[];
  readonly deleted: readonly Named[];
  readonly unchanged: number;
  readonly devices: readonly NewDevice[];
}

export async function apply(
  terminal: Terminal,
  { file, dryRun, prune, json, schema, keysFile, routers }: ApplyFlags,
): Promise<void> {
  if (schema) return sayJson(terminal, { $schema: "https://json-schema.org/draft/2020-12/schema", ...SiteFile });
  if (file === undefined) throw usage("which file?", "vcpe apply -f FILE; - reads standard input");
  const site = readSite(file);
  checkKeysFile(keysFile);
  const client = openClient(terminal);
  const query = { dryRun: dryRun ? "true" : undefined, routers };
  const body = { resources: site.resources, ...(prune ? { prune: true } : {}) };
  const applied = (await blaming(site, client.post<Applied>("/v1/apply", body, query))).body;
  if (json) {
    if (keysFile === undefined || dryRun) return sayJson(terminal, applied);
    sayJson(terminal, { ...applied, devices: applied.devices.map(({ key: _, ...device }) => device) });
    return showKeys({ ...terminal, out: terminal.err }, applied.devices, keysFile);
  }
  const would = dryRun ? "would be " : "";
  for (const [list, word, sign] of [
    [applied.created, "created", "+"],
    [applied.updated, "changed", "~"],
    [applied.deleted, "deleted", "-"],
  ] as const)
    for (const { kind, name } of list) say(terminal, `${sign} ${kind} ${name} ${would}${word}`);
  say(terminal, `${applied.unchanged} unchanged`);
  if (dryRun) return say(terminal, ...routerLines(applied));
  const concerned = named(applied);
  if (concerned !== "") note(terminal, `routers concerned: ${concerned}`);
  if (applied.devices.length > 0) showKeys(terminal, applied.devices, keysFile);
}

/** Routers that are named; of more the rest is counted. */
const MANY = 10;

function named({ routers, moreRouters = 0 }: Concerned): string {
  const names = routers.slice(0, MANY).map(({ name }) => name);
  const more = routers.length - names.length + moreRouters;
  return [...names, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

/** What is wrong with a resource is told at its line. */
async function blaming<T>(site: Site, reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw (error instanceof ClientError && error.status >= 400 && site.blame(error)) || error;
  }
}
