/** The states of the field, out of what is wanted and what is seen. */
import { carrierOf, devicesOf, type TunnelSeen, tunnelAmong } from "./carrier.ts";
import type { Directory } from "./directory.ts";
import type { Intent } from "./intent.ts";
import { directoryOf } from "./lineage.ts";
import type { Observed, Seen } from "./observed.ts";
import type { Resource } from "./resources.ts";

/**
 * - Locked: an operator locked it.
 * - Received: not activated yet.
 * - Unconfirmed: activated, and none of its devices has ever joined.
 * - Active: a device carries its traffic; or one is connected to the console, and it is to have no tunnels yet.
 * - Offline: neither is so.
 */
export const INSTANCE_STATES = ["Received", "Unconfirmed", "Active", "Offline", "Locked"] as const;

export interface InstanceStatus {
  readonly status: (typeof INSTANCE_STATES)[number];
  /** How the field says it: "Available" for Active. */
  readonly text: string;
  /** Serial number of the device that carries the traffic; null: none. */
  readonly carrier: string | null;
  /** See Carrier; null: there is to be none. */
  readonly carrierKnownBy: "gateway" | "devices" | null;
}

/** @param tunnel the fleet's, where there are many instances. @throws Error: there is no such instance */
export function instanceStatus(
  intent: Intent,
  id: string,
  observed: Seen,
  tunnel: TunnelSeen = tunnelAmong(observed),
): InstanceStatus {
  const directory = directoryOf(intent);
  const instance = directory.get("instance", id);
  if (!instance) throw new Error(`there is no instance ${id}`);
  const seen = devicesOf(instance, directory).map(({ id: device }) => observed(device));

  const nobody = { carrier: null, carrierKnownBy: null };
  if (instance.locked) return { status: "Locked", text: "Locked", ...nobody };
  if (!instance.activated) return { status: "Received", text: "To be activated", ...nobody };
  if (!seen.some(joined)) return { status: "Unconfirmed", text: "No device has joined yet", ...nobody };
  const { device: carrier, knownBy } = carrierOf(instance, directory, observed, tunnel);
  const carried = { carrier, carrierKnownBy: knownBy };
  if (carrier !== null) return { status: "Active", text: "Available", ...carried };
  const connected = seen.some((one) => one?.controller === "normal");
  if (connected && !wantsTunnels(instance, directory)) return { status: "Active", text: "Available", ...nobody };
  return { status: "Offline", text: connected ? "Tunnels are down" : "Disconnected", ...carried };
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
