/**
 * What `vcpe status` shows of a router, top to bottom: what it is and what it works with, tables that are nearly full, attachments,
 * tunnels, routes, filters, and what was dropped.
 */
import { formatDuration } from "../../router/config/duration.ts";
import type { RouterStatus } from "../../router/status/schema.ts";
import { bytesText, countText, table } from "../table.ts";
import type { Colours } from "./colours.ts";
import { filterLines } from "./filters.ts";
import { type Before, childLines, shapeLines, tunnelLines } from "./tunnels.ts";

/** Routes, and attachments, shown before the rest is only counted. */
const MANY = 20;

/** Share of a table from which on it is told. */
const NEARLY = 0.9;

/** The lines of one picture. With `before`, traffic is shown as rates too. */
export function picture(status: RouterStatus, colours: Colours, before?: Before, now = Date.now()): string[] {
  const age = (time: string) => formatDuration(Math.max(0, now - Date.parse(time)));
  const engines = Object.entries(status.engines).map(([cipher, engine]) => `${cipher} ${engine}`);
  const offloads = Object.entries(status.offload).map(([offload, state]) => `${offload} ${state}`);
  const lines = [
    `${colours.bold(status.name)}  vcpe ${status.version}, pid ${status.pid}, up ${age(status.since)}, ${status.workers} worker${status.workers === 1 ? "" : "s"}, ${bytesText(status.memory.rss)}${status.memory.hugePages === "on" ? "" : `, huge pages ${status.memory.hugePages}`}`,
    ...(status.managed ? [managedText(status.managed, age)] : []),
    colours.dim(`engines: ${engines.join(", ")}`),
    colours.dim(`offload: ${offloads.join(", ")}`),
    ...(status.lan.length > 0 ? [colours.dim(`GRO forwarding: ${status.lan.map(lanText).join("; ")}`)] : []),
    ...(status.workers > 1 ? [colours.dim(`workers: ${status.load.map(loadText).join("; ")}`)] : []),
    "",
  ];
  lines.push(...limitLines(status, colours));
  lines.push(...attachmentLines(status, colours));
  lines.push(...tunnelLines(status, colours, age), "");
  const shapes = shapeLines(status, colours, before);
  if (shapes.length > 0) lines.push(...shapes, "");
  lines.push(...childLines(status, colours, age, before), "");
  lines.push(...routeLines(status, colours), "");
  if (status.filters.length > 0) lines.push(...filterLines(status, colours), "");
  lines.push(...countLines("drops", status.drops, colours));
  lines.push(...countLines("ike", status.ike, colours));
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

/** "console https://c:8443: connected, configuration 12", … and what is wrong. */
function managedText(managed: NonNullable<RouterStatus["managed"]>, age: (time: string) => string): string {
  const { console, connected, trouble, lastSeen, applied, refused } = managed;
  const seen = lastSeen === null ? "not seen in this run" : `last seen ${age(lastSeen)} ago`;
  const link = connected ? "connected" : `not connected${trouble === null ? "" : ` (${trouble})`}, ${seen}`;
  const runs = applied === 0 ? "no configuration yet" : `configuration ${applied}`;
  const no = refused
    ? `; ${refused.code === "not-kept" ? "" : `${refused.version} was refused: `}${refused.message}`
    : "";
  return `console ${console}: ${link}; ${runs}${no}`;
}

const LAN_STATES: Readonly<Record<RouterStatus["lan"][number]["state"], string>> = {
  set: "on (set by the router)",
  already: "on (was on already)",
  off: "off",
  failed: "no",
};

/** "eth1 (br0) on (set by the router)", "eth2 off: by configuration". */
function lanText({ interface: name, via, state, reason }: RouterStatus["lan"][number]): string {
  const device = name === "" ? [] : [via.length > 0 ? `${name} (${via.join(", ")})` : name];
  return `${[...device, LAN_STATES[state]].join(" ")}${reason === null ? "" : `: ${reason}`}`;
}

/** What one worker has read. */
function loadText({ tunRead, udpRead }: RouterStatus["load"][number], worker: number): string {
  return `${worker} read ${countText(tunRead)} packets, ${countText(udpRead)} datagrams`;
}

/** Tables of the datapath that are nearly full. */
function limitLines({ limits }: RouterStatus, { bold }: Colours): string[] {
  const full = limits.filter(({ used, limit }) => used >= limit * NEARLY);
  if (full.length === 0) return [];
  const texts = full.map(({ table, used, limit }) => `${table} ${countText(used)} of ${countText(limit)}`);
  return [`${bold("nearly full:")} ${texts.join(", ")}`, ""];
}

function attachmentLines({ attachments }: RouterStatus, { bold, state: paint }: Colours): string[] {
  if (attachments.length === 0) return [];
  const rows = attachments
    .slice(0, MANY)
    .map(({ name, vrf, place, device, state, local }) => [name, state, vrf, place, device, local.join(", ")]);
  const [heading, ...body] = table(["ATTACHMENT", "STATE", "VRF", "PLACE", "DEVICE", "PREFIXES"], rows, bold);
  const lines = [heading];
  for (const [i, row] of body.entries()) {
    const { state, reason } = attachments[i];
    lines.push(paint(state === "up" ? "up" : "down")(row));
    if (reason !== null) lines.push(`  ${reason}`);
  }
  if (attachments.length > MANY) lines.push(`and ${countText(attachments.length - MANY)} more (--json shows all)`);
  return [...lines, ""];
}

function routeLines({ routes }: RouterStatus, { bold, dim }: Colours): string[] {
  if (routes.length === 0) return ["no routes"];
  const lines = table(
    ["VRF", "PREFIX", "VIA"],
    routes.slice(0, MANY).map(({ vrf, prefix, via }) => [vrf, prefix, via]),
    bold,
  );
  if (routes.length > MANY) lines.push(dim(`and ${countText(routes.length - MANY)} more (--json shows all)`));
  return lines;
}

/** "drops: no-route 3, replayed 1"; nothing when all are 0. */
function countLines(what: string, counts: Readonly<Record<string, number>>, { bold }: Colours): string[] {
  const seen = Object.entries(counts).filter(([, count]) => count > 0);
  if (seen.length === 0) return [];
  return [`${bold(`${what}:`)} ${seen.map(([name, count]) => `${name} ${countText(count)}`).join(", ")}`];
}
