/** The tables of tunnels: their IKE SAs, the rates that they are held to, their Child SAs. */
import { formatRate } from "../../router/config/rate.ts";
import type { ChildStatus, RouterStatus, TunnelStatus } from "../../router/status/schema.ts";
import { fitted, leftText } from "../fit.ts";
import { bytesText, countText, table } from "../table.ts";
import type { Colours } from "./colours.ts";

/** How it was a moment ago. */
export interface Before {
  readonly status: RouterStatus;
  /** Time since then, milliseconds. */
  readonly ms: number;
}

const TUNNEL = ["TUNNEL", "STATE", "SINCE", "PEER", "ADDRESS", "IKE", "AUTH", "REKEYS", "RTT", "MTU", "NAT"];
/** What a narrow terminal has room for last comes first. */
const LEAST_OF_TUNNEL = ["AUTH", "IKE", "NAT", "REKEYS", "MTU", "PEER", "SINCE", "RTT", "ADDRESS"];
const LEAST_OF_CHILD = ["CIPHER", "REKEYS", "SINCE", "bytes", "SPI OUT", "SPI IN"];
const LEAST_OF_SHAPE = ["marked", "DELAY", "WAIT", "queued", "bytes"];

export function tunnelLines(
  status: RouterStatus,
  { bold, dim, state, width }: Colours,
  age: (time: string) => string,
): string[] {
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
  const shape = fitted(TUNNEL, rows, { width, least: LEAST_OF_TUNNEL });
  const [heading, ...body] = table(shape.heading, shape.cells, bold);
  const lines = [heading];
  for (const [i, tunnel] of status.tunnels.entries()) {
    lines.push(state(tunnel.state)(body[i]));
    if (tunnel.lastError && tunnel.state !== "up") {
      lines.push(`  ${age(tunnel.lastError.at)} ago: ${tunnel.lastError.message} [${tunnel.lastError.code}]`);
    }
  }
  const missing = leftText(shape.left);
  return missing === undefined ? lines : [...lines, dim(missing)];
}

/** "psk"; "CN=gw.example.com until 2026-12-31". */
function authText(auth: NonNullable<TunnelStatus["ike"]>["auth"]): string {
  return auth.kind === "psk" ? "psk" : `${auth.subject} until ${auth.notAfter.slice(0, 10)}`;
}

function endpoint(address: string, port: number | null): string {
  if (port === null) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Which side is behind a NAT. "claimed there": the peer says that it is, which some do only to have ESP in UDP. */
function natText(nat: TunnelStatus["nat"]): string {
  if (nat === null) return "";
  const here = nat.local ? ["here"] : [];
  const there = nat.remote === null ? ["claimed there"] : nat.remote ? ["there"] : [];
  return [...here, ...there].join(", ") || "none";
}

/** Tunnels that are held to a rate. */
export function shapeLines(status: RouterStatus, { bold, width }: Colours, before?: Before): string[] {
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
  const shape = fitted(heading, rows, { width, least: LEAST_OF_SHAPE });
  return table(shape.heading, shape.cells, bold);
}

export function childLines(
  status: RouterStatus,
  { bold, width }: Colours,
  age: (time: string) => string,
  before?: Before,
): string[] {
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
  const all = [...heading, "IN packets", "bytes", ...rate, "OUT packets", "bytes", ...rate];
  const shape = fitted(all, rows, { width, least: LEAST_OF_CHILD });
  return table(shape.heading, shape.cells, bold);
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
