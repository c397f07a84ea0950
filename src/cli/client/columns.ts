/** What a table shows of each kind. */
import type { Kind } from "../../console/model/resources.ts";
import { type Item, textOf } from "./item.ts";
import type { Names } from "./names.ts";

export interface Context {
  readonly names: Names;
  /** Devices of an instance, by its id. */
  readonly devices: ReadonlyMap<string, readonly Item[]>;
}

export type Column = readonly [heading: string, cell: (item: Item, context: Context) => string];

const key =
  (name: string) =>
  (item: Item): string =>
    textOf(item[name]);
const ref =
  (name: string) =>
  (item: Item, { names }: Context): string =>
    names(item[name]);
const status =
  (name: string) =>
  (item: Item): string =>
    textOf(item.status?.[name]);

/** Long lists are cut; all of it is in `vcpe get KIND NAME`. */
function some(values: unknown): string {
  const list = Array.isArray(values) ? values : [];
  const shown = list.slice(0, 3).join(" ");
  return list.length === 0 ? "–" : list.length > 3 ? `${shown} +${list.length - 3}` : shown;
}

const ROLES = ["active", "standby", "gateway"];

/** The active one first. */
export function byRole(devices: readonly Item[]): Item[] {
  return [...devices].sort((a, b) => ROLES.indexOf(String(a.role)) - ROLES.indexOf(String(b.role)));
}

/** With a mark at the one that carries the traffic. */
function devices({ id, status: seen }: Item, context: Context): string {
  const mark = seen?.carrierKnownBy === "devices" ? "*?" : "*";
  return (
    byRole(context.devices.get(id) ?? [])
      .map((device) => `${device.id}${device.id === seen?.carrier ? mark : ""}`)
      .join(" ") || "–"
  );
}

/** "Active" and what the field calls it: "Available". */
function instanceStatus({ status: seen }: Item): string {
  const [word, text] = [textOf(seen?.status), textOf(seen?.text)];
  return text === "–" || text === word ? word : text;
}

/** "2 of 3"; one that has none to have, or is not heard, has none. */
function tunnels(seen: Item["status"]): string {
  const total = Number(seen?.tunnelsTotal ?? 0);
  return total === 0 ? "–" : `${textOf(seen?.tunnelsUp)} of ${total}`;
}

export const COLUMNS: Readonly<Record<Kind, readonly Column[]>> = {
  area: [
    ["NAME", key("name")],
    ["ID", key("id")],
    ["DESCRIPTION", key("description")],
  ],
  "access-point": [
    ["NAME", key("name")],
    ["AREA", ref("area")],
    ["REGION", key("region")],
    ["IPV4", key("ipv4")],
    ["IPV6", key("ipv6")],
    ["CONTROLLER", status("controller")],
    ["SYNC", status("sync")],
    ["DEVICE", status("device")],
  ],
  cen: [
    ["NAME", key("name")],
    ["AREA", ref("area")],
    ["ID", key("id")],
    ["DESCRIPTION", key("description")],
  ],
  ccn: [
    ["NAME", key("name")],
    ["AREA", ref("area")],
    ["CIDR", key("cidr")],
    ["INTERWORKING", key("interworking")],
    ["CEN", ref("cen")],
  ],
  instance: [
    ["NAME", key("name")],
    ["STATUS", instanceStatus],
    ["MBIT/S", key("peakBandwidth")],
    ["CIDRS", ({ cidrs }) => some(cidrs)],
    ["CCN", ref("ccn")],
    ["ACCESS POINT", ref("accessPoint")],
    ["DEVICES", devices],
  ],
  device: [
    ["SERIAL", key("id")],
    ["ROLE", key("role")],
    ["OF", (item, { names }) => names(item.instance ?? item.accessPoint)],
    ["CONTROLLER", status("controller")],
    ["VPN", status("vpn")],
    ["TUNNELS UP", ({ status: seen }) => tunnels(seen)],
    ["SYNC", status("sync")],
    ["VERSION", status("version")],
    ["LAST SEEN", status("lastSeen")],
  ],
  vpc: [
    ["NAME", key("name")],
    ["ACCESS POINT", ref("accessPoint")],
    ["CIDR", key("cidr")],
    ["PLACE", key("place")],
    ["PUBLISHED", ({ withdrawn }) => textOf(!withdrawn)],
    ["CEN", ref("cen")],
    ["STATE", status("state")],
  ],
  vbr: [
    ["NAME", key("name")],
    ["ACCESS POINT", ref("accessPoint")],
    ["INTERFACE", key("interface")],
    ["NEXT HOP", key("nextHop")],
    ["PREFIXES", ({ prefixes }) => some(prefixes)],
    ["CEN", ref("cen")],
    ["STATE", status("state")],
  ],
  "security-group": [
    ["NAME", key("name")],
    ["VPC", ref("vpc")],
    ["ID", key("id")],
    ["DESCRIPTION", key("description")],
  ],
  rule: [
    ["NAME", key("name")],
    ["SECURITY GROUP", ref("securityGroup")],
    ["DIRECTION", key("direction")],
    ["POLICY", key("policy")],
    ["PROTOCOL", key("protocol")],
    ["PORTS", ({ ports }) => (ports === "-1/-1" ? "any" : textOf(ports))],
    ["CIDR", key("cidr")],
    ["PRIORITY", key("priority")],
  ],
};

/** Columns that a narrow terminal shows less readily than others, the least important first. Names, ids and addresses stay. */
export const LEAST: Readonly<Record<Kind, readonly string[]>> = {
  area: ["DESCRIPTION"],
  "access-point": ["REGION", "AREA", "IPV6", "SYNC", "CONTROLLER"],
  cen: ["DESCRIPTION", "AREA"],
  ccn: ["AREA", "INTERWORKING"],
  instance: ["ACCESS POINT", "MBIT/S", "CCN", "CIDRS"],
  device: ["LAST SEEN", "VERSION", "TUNNELS UP", "SYNC", "VPN", "CONTROLLER"],
  vpc: ["PUBLISHED", "PLACE", "CEN", "ACCESS POINT"],
  vbr: ["NEXT HOP", "CEN", "INTERFACE", "ACCESS POINT"],
  "security-group": ["DESCRIPTION"],
  rule: ["PRIORITY", "SECURITY GROUP", "PORTS", "PROTOCOL", "DIRECTION"],
};
