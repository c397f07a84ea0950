/** `vcpe get KIND [NAME]`: what is wanted and what is seen of it, as tables or as JSON. */
import { REFERRED } from "../console/model/references.ts";
import { type Kind, SPECS } from "../console/model/resources.ts";
import { type Client, openClient } from "./client/client.ts";
import { byRole, COLUMNS, type Context, LEAST } from "./client/columns.ts";
import { usage } from "./client/error.ts";
import { type Item, META, textOf } from "./client/item.ts";
import { kindOf, pathOf } from "./client/kinds.ts";
import { type Names, namesFor } from "./client/names.ts";
import { say, sayJson, sayTable, type Terminal } from "./client/terminal.ts";

export interface GetFlags {
  readonly filter?: readonly string[];
  readonly json?: boolean;
}

export async function get(terminal: Terminal, word: string, name: string | undefined, flags: GetFlags): Promise<void> {
  const kind = kindOf(word);
  const filters = Object.fromEntries((flags.filter ?? []).map(readFilter));
  if (name !== undefined && flags.filter) throw usage("a name and a filter are one too many", "Leave one of them out");
  const client = openClient(terminal);
  if (name !== undefined) {
    const { body } = await client.get<Item>(pathOf(kind, name));
    if (flags.json) sayJson(terminal, body);
    else say(terminal, ...(await details(client, body)));
    return;
  }
  const items = await client.list<Item>(pathOf(kind), filters);
  if (flags.json) sayJson(terminal, items);
  else if (items.length === 0) say(terminal, `no ${kind} ${flags.filter ? "fits" : "is there"}`);
  else sayTable(terminal, ...(await rows(client, kind, items)), LEAST[kind]);
}

async function rows(client: Client, kind: Kind, items: readonly Item[]): Promise<[string[], string[][]]> {
  const columns = COLUMNS[kind];
  const [names, devices] = await Promise.all([
    namesFor(client, items, Object.keys(REFERRED)),
    kind === "instance" ? client.list<Item>(pathOf("device")) : [],
  ]);
  const context: Context = { names, devices: Map.groupBy(devices, ({ instance }) => String(instance)) };
  // The console gives them in the order of their names; a device's is its serial number.
  const owner = ({ instance, accessPoint }: Item) => names(instance ?? accessPoint);
  const inOrder =
    kind === "device" ? byRole(items).sort((a, b) => (owner(a) < owner(b) ? -1 : owner(a) > owner(b) ? 1 : 0)) : items;
  return [columns.map(([heading]) => heading), inOrder.map((item) => columns.map(([, cell]) => cell(item, context)))];
}

/** A key a line; lists of things a line each. */
async function details(client: Client, item: Item): Promise<string[]> {
  const names = await namesFor(client, [item], Object.keys(REFERRED));
  const keys = Object.keys(SPECS[item.kind].properties);
  const place = (key: string) => (keys.includes(key) ? keys.indexOf(key) : keys.length);
  const spec = Object.entries(item)
    .filter(([key]) => !META.has(key))
    .sort(([a], [b]) => place(a) - place(b));
  const meta = ["id", "version", "created", "updated"].map((key) => [key, item[key]] as const);
  const lines = [...spec, ...meta].map(([key, value]) => [key, cell(key, value, names)]);
  const status = Object.entries(item.status ?? {}).map(([key, value]) => [key, cell(key, value, names)]);
  const devices = item.kind === "instance" ? await client.list<Item>(pathOf("device"), { instance: item.id }) : [];
  for (const device of byRole(devices))
    lines.push(["device", [device.id, device.role, ...seen(device)].map(textOf).join("  ")]);
  const width = Math.max(...[...lines, ...status].map(([key]) => key.length)) + 2;
  const shown = ([key, value]: readonly string[]) => `${key.padEnd(width)}${value}`;
  return [
    ...lines.map(shown),
    ...(status.length > 0 ? ["", "status", ...status.map((line) => `  ${shown(line)}`)] : []),
  ];
}

function seen({ status }: Item): string[] {
  return status ? [`controller ${textOf(status.controller)}`, `VPN ${textOf(status.vpn)}`, textOf(status.sync)] : [];
}

function cell(key: string, value: unknown, names: Names): string {
  if (key in REFERRED) return names(value);
  if (Array.isArray(value) && value.some((entry) => typeof entry === "object"))
    return value.map((entry) => (typeof entry === "object" ? short(entry) : textOf(entry))).join("; ");
  return typeof value === "object" && value !== null && !Array.isArray(value) ? short(value) : textOf(value);
}

/** name web, cidr 10.0.1.0/24 */
function short(value: object): string {
  const entries = Object.entries(value);
  if (entries.length === 0) return "–";
  return entries
    .map(
      ([key, entry]) => `${key} ${typeof entry === "object" && entry !== null ? `(${short(entry)})` : textOf(entry)}`,
    )
    .join(", ");
}

function readFilter(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0)
    return [text.slice(0, at).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), text.slice(at + 1)];
  throw usage(`"${text}" is no filter`, "Write --filter key=value, for example --filter ccn=corp");
}
