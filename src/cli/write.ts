/** `vcpe create`, `update` and `delete`: one resource by the keys of its kind. */
import { type Kind, SPECS } from "../console/model/resources.ts";
import { openClient } from "./client/client.ts";
import { type Concerned, differences, lineOf, routerLines } from "./client/difference.ts";
import { ClientError, usage } from "./client/error.ts";
import { checkComplete, describeFlags, flagName, type Others, parseFlags } from "./client/flags.ts";
import { type Item, type NewDevice, specOf } from "./client/item.ts";
import { checkKeysFile, showKeys } from "./client/keys.ts";
import { kindOf, pathOf } from "./client/kinds.ts";
import { say, sayJson, type Terminal } from "./client/terminal.ts";

const COMMON: Others = { "--json": false, "--dry-run": false, "--help": false };
/** Of each command what is no key, and how its help says that. */
const OTHERS = {
  create: {
    flags: { ...COMMON, "--keys-file": true },
    help: ["--keys-file FILE", "Keys of its devices are written there (mode 0600), not shown."],
  },
  update: { flags: { ...COMMON, "--name": true }, help: ["--name NAME", "Its name from now on."] },
} as const;
const COMMON_HELP = [
  ["--dry-run", "Only say what would change, router by router."],
  ["--json", "As JSON."],
] as const;

/** What the console would do. */
interface DryRun extends Concerned {
  readonly dryRun: true;
}

export async function create(terminal: Terminal, words: readonly string[]): Promise<void> {
  const asked = read(terminal, "create", words, () =>
    usage("devices are made with their instance or access point", "vcpe create instance NAME …"),
  );
  if (!asked) return;
  const { kind, name, values, others } = asked;
  checkComplete(kind, values);
  const keysFile = others["--keys-file"] as string | undefined;
  checkKeysFile(keysFile);
  const client = openClient(terminal);
  const dryRun = "--dry-run" in others;
  const { body } = await flagged(
    "create",
    client.post<Item | DryRun>(pathOf(kind), { name, ...values }, { dryRun: dryRun ? "true" : undefined }),
  );
  if (others["--json"]) return sayJson(terminal, keysFile && !dryRun ? withoutKeys(terminal, body, keysFile) : body);
  if ("dryRun" in body) return say(terminal, `${kind} ${name} would be created`, ...routerLines(body as DryRun));
  say(terminal, `${kind} ${name} created, ${(body as Item).id}`);
  const { devices = [] } = body as { devices?: readonly NewDevice[] };
  if (devices.length > 0) showKeys(terminal, devices, keysFile);
}

export async function update(terminal: Terminal, words: readonly string[]): Promise<void> {
  const asked = read(terminal, "update", words, (name) =>
    usage(
      "a device has nothing that is written by hand",
      `A new key: vcpe reset-key device ${name}; another host: vcpe release device ${name}`,
    ),
  );
  if (!asked) return;
  const { kind, name, values, others } = asked;
  const patch = { ...values, ...(others["--name"] === undefined ? {} : { name: others["--name"] }) };
  if (Object.keys(patch).length === 0) throw usage("nothing is to be changed", `Keys: vcpe update ${kind} --help`);
  const client = openClient(terminal);
  const path = pathOf(kind, name);
  const { body: before, headers } = await client.get<Item>(path);
  const dryRun = "--dry-run" in others;
  const query = { dryRun: dryRun ? "true" : undefined };
  let body: Item | DryRun;
  try {
    ({ body } = await flagged(
      "update",
      client.patch<Item | DryRun>(pathOf(kind, before.id), etagOf(before, headers.etag), patch, query),
    ));
  } catch (error) {
    if (!(error instanceof ClientError) || error.status !== 412) throw error;
    const { body: now } = await client.get<Item>(pathOf(kind, before.id));
    const changes = differences(specOf(before), specOf(now)).map(lineOf);
    throw new ClientError(
      "refused",
      "stale",
      `somebody else changed ${kind} ${name} in the same moment (${changes.join("; ") || "nothing that is left"})`,
      "Nothing was changed; if the change still holds, run it again",
      { status: 412 },
    );
  }
  if (others["--json"]) return sayJson(terminal, body);
  if ("dryRun" in body) return say(terminal, `${kind} ${name} would be changed`, ...routerLines(body as DryRun));
  const lines = differences(specOf(before), specOf(body)).map((one) => `  ${lineOf(one)}`);
  say(terminal, lines.length > 0 ? `${kind} ${name} changed` : `${kind} ${name} is as it was`, ...lines);
}

export interface DeleteFlags {
  readonly json?: boolean;
  readonly dryRun?: boolean;
}

export async function remove(
  terminal: Terminal,
  word: string,
  name: string,
  { json, dryRun }: DeleteFlags,
): Promise<void> {
  const kind = kindOf(word);
  if (kind === "device")
    throw usage(
      "devices go with their instance or access point",
      `To shut its host out: vcpe reset-key device ${name}; to put another in its place: vcpe release device ${name}`,
    );
  const client = openClient(terminal);
  const { body: before, headers } = await client.get<Item>(pathOf(kind, name));
  const query = { dryRun: dryRun ? "true" : undefined };
  const { body } = await client.delete<DryRun | undefined>(
    pathOf(kind, before.id),
    etagOf(before, headers.etag),
    query,
  );
  if (json) sayJson(terminal, body ?? { deleted: { kind, id: before.id, name: before.name } });
  else if (dryRun && body) say(terminal, `${kind} ${name} would be deleted`, ...routerLines(body));
  else say(terminal, `${kind} ${name} deleted`);
}

interface Asked {
  readonly kind: Kind;
  readonly name: string;
  readonly values: Record<string, unknown>;
  readonly others: Record<string, string | true>;
}

/** Undefined: help was asked for, and given. `noDevice`: why this is not for devices. */
function read(
  terminal: Terminal,
  command: "create" | "update",
  words: readonly string[],
  noDevice: (name: string) => ClientError,
): Asked | undefined {
  const [word, name, ...rest] = words;
  const { flags, help } = OTHERS[command];
  if (word === undefined || word.startsWith("-"))
    throw usage("which kind?", `vcpe ${command} KIND NAME --key value; kinds: ${Object.keys(SPECS).join(", ")}`);
  const kind = kindOf(word);
  const named = name !== undefined && !name.startsWith("-");
  if (kind === "device") throw noDevice(named ? name : "SERIAL");
  if (words.includes("--help") || words.includes("-h")) {
    const lines = describeFlags(kind, command === "create", [help, ...COMMON_HELP]);
    say(terminal, `vcpe ${command} ${kind} NAME …`, ...lines);
    return undefined;
  }
  if (!named) throw usage(`what is the name of the ${kind}?`, `vcpe ${command} ${kind} NAME --key value`);
  return { kind, name, ...parseFlags(kind, rest, flags) };
}

function etagOf({ version }: Item, header: string | undefined): string {
  return header ?? `"${version}"`;
}

/** The console names keys of the body; who typed flags wants to hear of flags. The name of a new one is no flag. */
async function flagged<T>(command: "create" | "update", reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    throw error.withPaths((path) => (path === "name" && command === "create" ? path : path.replace(/^\w+/, flagName)));
  }
}

function withoutKeys(terminal: Terminal, body: object, file: string): object {
  const { devices, ...rest } = body as { devices?: readonly NewDevice[] };
  if (!devices) return body;
  showKeys({ ...terminal, out: terminal.err }, devices, file);
  return { ...rest, devices: devices.map(({ key: _, ...device }) => device) };
}
