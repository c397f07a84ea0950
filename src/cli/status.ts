/** `vcpe status`: what a router does, as a table or as JSON, once or again and again. */
import { formatDuration } from "../router/config/duration.ts";
import { PROTOCOLS } from "../router/config/filter.ts";
import { formatRate } from "../router/config/rate.ts";
import { ask, chooseRouter, living, StatusError } from "../router/status/client.ts";
import type { ChildStatus, RouterStatus, TunnelStatus } from "../router/status/schema.ts";
import { bytesText, countText, table } from "./table.ts";

export interface StatusFlags {
  readonly name?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** Time between two pictures, milliseconds. */
const EVERY = 1000;

/** Routes, and attachments, shown before the rest is only counted. */
const MANY = 20;

export async function showStatus(flags: StatusFlags): Promise<void> {
  const names =
    flags.name === undefined && !flags.json && !flags.watch ? await living() : [await chooseRouter(flags.name)];
  if (names.length === 0) await chooseRouter(undefined);
  if (flags.watch) return watch(names[0], flags.json === true);
  const pictures: string[] = [];
  for (const name of names) {
    const status = await ask<RouterStatus>(name, "GET", "/status");
    pictures.push(flags.json ? JSON.stringify(status, null, 2) : picture(status, colours(process.stdout)).join("\n"));
  }
  process.stdout.write(`${pictures.join("\n\n")}\n`);
}

/** Draws over the last picture on a terminal; elsewhere writes one after the other, as JSON one a line. Until Ctrl-C. */
async function watch(name: string, json: boolean): Promise<void> {
  const terminal = process.stdout.isTTY === true && !json;
  const show = (text: string) => process.stdout.write(text);
  if (terminal) {
    show("\x1b[?1049h\x1b[?25l");
    const restore = () => show("\x1b[?25h\x1b[?1049l");
    process.once("exit", restore);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(0));
  }
  let last: { readonly status: RouterStatus; readonly at: number } | undefined;
  for (;;) {
    const begun = performance.now();
    let lines: string[];
    try {
      const status = await ask<RouterStatus>(name, "GET", "/status");
      const at = performance.now();
      const before = last && { status: last.status, ms: at - last.at };
      lines = json ? [JSON.stringify(status)] : picture(status, colours(process.stdout), before);
      last = { status, at };
    } catch (error) {
      // While it is restarted, the picture waits.
      if (!terminal || !(error instanceof StatusError)) throw error;
      lines = [error.message];
    }
    if (terminal) {
      const rows = (process.stdout.rows || 24) - 1;
      const columns = process.stdout.columns || 80;
      show(
        `\x1b[H${lines
          .slice(0, rows)
          .map((line) => `${cut(line, columns)}\x1b[K\n`)
          .join("")}\x1b[J`,
      );
    } else show(`${lines.join("\n")}\n${json ? "" : "\n"}`);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, EVERY - (performance.now() - begun))));
  }
}

const ESCAPE = "\x1b";

/** Cuts a line at the edge of the terminal; colour codes take no room. */
function cut(line: string, columns: number): string {
  let kept = "";
  let room = columns;
  let code = false;
  for (const letter of line) {
    if (letter === ESCAPE) code = true;
    if (code || room-- > 0) kept += letter;
    if (code && letter === "m") code = false;
  }
  return kept;
}

export interface Colours {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly state: (state: TunnelStatus["state"]) => (text: string) => string;
}

export const PLAIN: Colours = { bold: (text) => text, dim: (text) => text, state: () => (text) => text };

function colours(stream: NodeJS.WriteStream): Colours {
  if (!stream.isTTY || process.env.NO_COLOR !== undefined) return PLAIN;
  const paint = (code: string) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
  return {
    bold: paint("1"),
    dim: paint("2"),
    state: (state) => paint({ up: "32", connecting: "33", down: "31" }[state]),
  };
}

/** How it was a moment ago. */
export interface Before {
  readonly status: RouterStatus;
  /** Time since then, milliseconds. */
  readonly ms: number;
}

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
  const no = refused ? `; ${refused.version} was refused: ${refused.message}` : "";
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

/** Share of a table from which on it is told. */
const NEARLY = 0.9;

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

function tunnelLines(status: RouterStatus, { bold, state }: Colours, age: (time: string) => string): string[] {
  if (status.tunnels.length === 0) return ["no tunnels"];
  const rows = status.tunnels.map((tunnel) => [
    tunnel.name,
    tunnel.state,
    age(tunnel.since),
    tunnel.peer.id,
    tunnel.peer.address === null ? "any" : endpoint(tunnel.peer.address, tunnel.peer.port),
    tunnel.ike?.suite ?? "",
    tunnel.ike ? authText(tunnel.ike.auth) : "",
    tunnel.ike ? countText(tunnel.ike.rekeys) : "",
    tunnel.rttMs === null ? "" : `${tunnel.rttMs.toFixed(tunnel.rttMs < 10 ? 1 : 0)} ms`,
    String(tunnel.mtu),
    natText(tunnel.nat),
  ]);
  const [heading, ...body] = table(
    ["TUNNEL", "STATE", "SINCE", "PEER", "ADDRESS", "IKE", "AUTH", "REKEYS", "RTT", "MTU", "NAT"],
    rows,
    bold,
  );
  const lines = [heading];
  for (const [i, tunnel] of status.tunnels.entries()) {
    lines.push(state(tunnel.state)(body[i]));
    if (tunnel.lastError && tunnel.state !== "up") {
      lines.push(`  ${age(tunnel.lastError.at)} ago: ${tunnel.lastError.message} [${tunnel.lastError.code}]`);
    }
  }
  return lines;
}

/** "psk"; "CN=gw.example.com until 2026-12-31". */
function authText(auth: NonNullable<TunnelStatus["ike"]>["auth"]): string {
  return auth.kind === "psk" ? "psk" : `${auth.subject} until ${auth.notAfter.slice(0, 10)}`;
}

/** Tunnels that are held to a rate. */
function shapeLines(status: RouterStatus, { bold }: Colours, before?: Before): string[] {
  const rows = status.tunnels.flatMap(({ name, shape }) => {
    if (shape === null) return [];
    const earlier = before?.status.tunnels.find((tunnel) => tunnel.name === name)?.shape;
    const now = before && earlier ? bytesText(((shape.bytes - earlier.bytes) * 8 * 1000) / before.ms, "bit/s") : "";
    return [
      [
        name,
        formatRate(shape.bitsPerSecond),
        ...(before ? [now] : []),
        countText(shape.packets),
        bytesText(shape.bytes),
        countText(shape.queued),
        countText(shape.dropped),
        countText(shape.marked),
        bytesText(shape.waiting),
        `${shape.delayMs.toFixed(1)} ms`,
      ],
    ];
  });
  if (rows.length === 0) return [];
  const rate = before ? ["now"] : [];
  const heading = [
    "SHAPED",
    "RATE",
    ...rate,
    "PASSED packets",
    "bytes",
    "queued",
    "dropped",
    "marked",
    "WAIT",
    "DELAY",
  ];
  return table(heading, rows, bold);
}

/** Which side is behind a NAT. "claimed there": the peer says that it is, which some do only to have ESP in UDP. */
function natText(nat: TunnelStatus["nat"]): string {
  if (nat === null) return "";
  const here = nat.local ? ["here"] : [];
  const there = nat.remote === null ? ["claimed there"] : nat.remote ? ["there"] : [];
  return [...here, ...there].join(", ") || "none";
}

function childLines(status: RouterStatus, { bold }: Colours, age: (time: string) => string, before?: Before): string[] {
  const children = status.tunnels.flatMap((tunnel) => tunnel.children.map((child) => ({ tunnel, child })));
  if (children.length === 0) return ["no Child SAs"];
  const rows = children.map(({ tunnel, child }) => {
    const earlier = before?.status.tunnels
      .find(({ name }) => name === tunnel.name)
      ?.children.find(({ spiIn }) => spiIn === child.spiIn);
    return [
      child.copy === 0 ? child.name : `${child.name} #${child.copy + 1}`,
      child.cipher,
      child.spiIn,
      child.spiOut,
      age(child.since),
      countText(child.rekeys),
      ...(["in", "out"] as const).flatMap((way) =>
        trafficCells(child, way, before && { child: earlier, ms: before.ms }),
      ),
    ];
  });
  const rate = before ? ["rate"] : [];
  const heading = ["CHILD SA", "CIPHER", "SPI IN", "SPI OUT", "SINCE", "REKEYS"];
  return table([...heading, "IN packets", "bytes", ...rate, "OUT packets", "bytes", ...rate], rows, bold);
}

function trafficCells(
  child: ChildStatus,
  way: "in" | "out",
  before: { readonly child: ChildStatus | undefined; readonly ms: number } | undefined,
): string[] {
  const { packets, bytes } = child[way];
  const cells = [countText(packets), bytesText(bytes)];
  if (before === undefined) return cells;
  const earlier = before.child;
  return [...cells, earlier ? bytesText(((bytes - earlier[way].bytes) * 8 * 1000) / before.ms, "bit/s") : ""];
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

/** A row a rule, and one for each default; then how full the flow table is. */
function filterLines({ filters, flows }: RouterStatus, { bold }: Colours): string[] {
  const rows = filters.flatMap(({ name, devices, rules, ...defaults }) => {
    const filter = [name, devices.join(", ") || "–"];
    return [
      ...rules.map(({ id, direction, protocol, ports, prefix, action, hits }) => [
        ...filter,
        id,
        direction,
        protocolText(protocol),
        ports === null ? "" : ports.low === ports.high ? String(ports.low) : `${ports.low}-${ports.high}`,
        prefix,
        action,
        countText(hits),
      ]),
      ...(["in", "out"] as const).map((direction) => {
        const { action, hits } = defaults[direction];
        return [...filter, "default", direction, "any", "", "any", action, countText(hits)];
      }),
    ];
  });
  const { entries, limit, evicted, refused } = flows;
  const trouble = [
    ...(evicted > 0 ? [`${countText(evicted)} evicted`] : []),
    ...(refused > 0 ? [`${countText(refused)} packets found no place`] : []),
  ];
  return [
    ...table(["FILTER", "DEVICE", "RULE", "WAY", "PROTOCOL", "PORTS", "PREFIX", "ACTION", "HITS"], rows, bold),
    `${bold("flows:")} ${[`${countText(entries)} of ${countText(limit)}`, ...trouble].join(", ")}`,
  ];
}

function protocolText(number: number | null): string {
  if (number === null) return "any";
  return Object.entries(PROTOCOLS).find(([, known]) => known === number)?.[0] ?? String(number);
}

/** "drops: no-route 3, replayed 1"; nothing when all are 0. */
function countLines(what: string, counts: Readonly<Record<string, number>>, { bold }: Colours): string[] {
  const seen = Object.entries(counts).filter(([, count]) => count > 0);
  if (seen.length === 0) return [];
  return [`${bold(`${what}:`)} ${seen.map(([name, count]) => `${name} ${countText(count)}`).join(", ")}`];
}

function endpoint(address: string, port: number | null): string {
  if (port === null) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
