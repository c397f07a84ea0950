/** The states of the field, out of what is wanted and what is seen. */
import type { Directory } from "./directory.ts";
import type { Intent } from "./intent.ts";
import { directoryOf } from "./lineage.ts";
import type { Observed } from "./observed.ts";
import type { Resource } from "./resources.ts";

export type Seen = (device: string) => Observed | undefined;

export interface InstanceStatus {
  /**
   * - Locked: an operator locked it.
   * - Received: not activated yet.
   * - Unconfirmed: activated, and none of its devices has ever joined.
   * - Active: a device is connected to the console, and all its tunnels are up; or it is connected, and is to have no tunnels yet.
   * - Offline: neither is so of any of its devices.
   */
  readonly status: "Received" | "Unconfirmed" | "Active" | "Offline" | "Locked";
  /** How the field says it: "Available" for Active. */
  readonly text: string;
  /** Serial number of the device that carries the traffic: the active one, and while its tunnels are down the standby; null: none. */
  readonly carrier: string | null;
}

/** @throws Error: there is no such instance */
export function instanceStatus(intent: Intent, id: string, observed: Seen): InstanceStatus {
  const directory = directoryOf(intent);
  const instance = directory.get("instance", id);
  if (!instance) throw new Error(`there is no instance ${id}`);
  const devices = devicesOf(instance, directory);
  const seen = devices.map(({ id: device }) => observed(device));
  const carrier = devices.find((_, i) => seen[i]?.controller === "normal" && seen[i].vpn === "normal")?.id ?? null;

  if (instance.locked) return { status: "Locked", text: "Locked", carrier: null };
  if (!instance.activated) return { status: "Received", text: "To be activated", carrier: null };
  if (!seen.some(joined)) return { status: "Unconfirmed", text: "No device has joined yet", carrier: null };
  const connected = seen.filter((one) => one?.controller === "normal");
  if (carrier !== null || (connected.length > 0 && !wantsTunnels(instance, directory))) {
    return { status: "Active", text: "Available", carrier };
  }
  const text = connected.length > 0 ? "Tunnels are down" : "Disconnected";
  return { status: "Offline", text, carrier: null };
}

/** The active device first. */
export function devicesOf(instance: Resource<"instance">, directory: Directory): Resource<"device">[] {
  return directory
    .usersOf(instance.id, "device")
    .sort((a, b) => Number(a.role === "standby") - Number(b.role === "standby"));
}

/** Has it an identity, or had it one of an earlier generation? */
export function joined(seen: Observed | undefined): boolean {
  return seen !== undefined && (seen.enrolled || seen.lastSeen !== null);
}

/** Are its devices to have tunnels? They are once it is activated, bound to a CCN and has a gateway to go to. */
export function wantsTunnels(instance: Resource<"instance">, directory: Directory): boolean {
  if (!instance.activated || instance.locked || instance.ccn === null) return false;
  const point = directory.accessPointOf(instance);
  return point !== undefined && directory.gatewayOf(point.id) !== undefined;
}
