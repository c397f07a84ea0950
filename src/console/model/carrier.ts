/**
 * Which device of an instance carries its traffic. The gateway decides: it has a route to the branch over each of its devices, and sends
 * along the one that it prefers of those that are up (router/preference.ts). So its word counts, and is compared with nothing else. While
 * it is not connected to the console, or does not speak of these tunnels, the devices' own connections and tunnels let one guess.
 */
import type { Directory } from "./directory.ts";
import type { ObservedTunnel, Seen } from "./observed.ts";
import type { Resource } from "./resources.ts";

export interface Carrier {
  /** Its serial number; null: none does. */
  readonly device: string | null;
  /** "devices": it is a guess. */
  readonly knownBy: "gateway" | "devices";
}

/** A tunnel of a gateway that is connected; undefined: it is not connected, or has not reported one of this name. */
export type TunnelSeen = (gateway: string, tunnel: string) => ObservedTunnel | undefined;

/** Slower than the fleet's own: looks through all of them. */
export function tunnelAmong(observed: Seen): TunnelSeen {
  return (gateway, name) => {
    const seen = observed(gateway);
    return seen?.controller === "normal" ? seen.tunnels.find((tunnel) => tunnel.name === name) : undefined;
  };
}

export function carrierOf(
  instance: Resource<"instance">,
  directory: Directory,
  observed: Seen,
  tunnel: TunnelSeen,
): Carrier {
  const devices = devicesOf(instance, directory);
  const said = wordOf(instance, devices, directory, tunnel);
  const [knownBy, carries] = said
    ? (["gateway", (_: string, at: number) => said[at]] as const)
    : (["devices", (id: string) => seemsUp(id, observed)] as const);
  return { device: devices.find(({ id }, at) => carries(id, at))?.id ?? null, knownBy };
}

/** Might the traffic go over one of the instance's other devices? */
export function another(
  instance: Resource<"instance">,
  device: string,
  directory: Directory,
  observed: Seen,
  tunnel: TunnelSeen,
): boolean {
  const gateway = gatewayOf(instance, directory);
  return devicesOf(instance, directory).some(({ id }) => {
    if (id === device) return false;
    const way = gateway && tunnel(gateway, id);
    return way ? way.state === "up" && way.silent !== true : seemsUp(id, observed);
  });
}

/** The active device first. */
export function devicesOf(instance: Resource<"instance">, directory: Directory): Resource<"device">[] {
  return directory
    .usersOf(instance.id, "device")
    .sort((a, b) => Number(a.role === "standby") - Number(b.role === "standby"));
}

/** Of each device, does it carry? undefined: its gateway does not say. */
function wordOf(
  instance: Resource<"instance">,
  devices: readonly Resource<"device">[],
  directory: Directory,
  tunnel: TunnelSeen,
): boolean[] | undefined {
  const gateway = gatewayOf(instance, directory);
  // A gateway names the tunnel to a device by the device's serial number.
  const ways = gateway === undefined ? [] : devices.map(({ id }) => tunnel(gateway, id));
  if (ways.every((way) => way === undefined)) return undefined;
  const chosen = ways.some((way) => way?.carries !== undefined);
  // Where there is no choice, as for a single device, what is up carries. An older agent does not speak of its choice; it prefers the first.
  return ways.map((way) => (chosen ? way?.carries === true : way?.state === "up"));
}

function gatewayOf(instance: Resource<"instance">, directory: Directory): string | undefined {
  const point = directory.accessPointOf(instance);
  return point && directory.gatewayOf(point.id)?.id;
}

function seemsUp(device: string, observed: Seen): boolean {
  const seen = observed(device);
  return seen?.controller === "normal" && seen.vpn === "normal";
}
