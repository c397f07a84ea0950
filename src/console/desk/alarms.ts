/**
 * Events of the field out of what is observed of devices: who came and went, and who carries an instance's traffic now.
 *
 *   DeviceOnline INFO, DeviceOffline CRITICAL            its agent is connected, or no more
 *   AccessGatewayFailover INFO                           tunnels of a device failed; the other device still has a way
 *   DeviceSwitched CRITICAL                              the instance's traffic went over to the other device; INFO: back to the active one
 *   ConnectionDisconnect CRITICAL, ConnectionRestored INFO   no device has a way any more, or one has again
 *   ConfigurationRefused WARN                            a device could not apply what it was sent
 *
 * Who carries an instance's traffic is the word of its gateway (model/carrier.ts). While that is not connected it is a guess, told as such.
 *
 * The fleet itself tells of identities: DeviceEnrolled, DeviceReplaced, SecondHost, EnrolmentRefused, EnrolmentLocked.
 */
import { another } from "../model/carrier.ts";
import { directoryOf } from "../model/lineage.ts";
import type { Observed, ObservedTunnel } from "../model/observed.ts";
import type { Resource } from "../model/resources.ts";
import type { Level, NewEvent } from "../store/events.ts";
import type { Desk } from "./desk.ts";
import { Switches } from "./switches.ts";

/** Of the fleet. */
export interface Watched {
  observed(device: string): Observed | undefined;
  tunnel(device: string, name: string): ObservedTunnel | undefined;
  onObserved(
    listener: (device: string, now: Observed, before: Observed | undefined, turned: readonly string[]) => void,
  ): void;
}

type Subject = NonNullable<NewEvent["subject"]>;

/** After a start of the console devices have so long to come back before they count as gone; milliseconds. Agents wait up to 60 s between tries. */
const GRACE = 180_000;

/** What is told of a device that is connected. */
const ONLINE = "online";

/** Begins; gives back what ends it. What was so before the console started is no news, and what got worse is told only after `grace`. */
export function watchFleet(desk: Desk, fleet: Watched, { grace = GRACE } = {}): () => void {
  const tell = (level: Level, code: string, subject: Subject, message: string) =>
    desk.event({ level, code, message, subject });
  /** Seen connected since the start. */
  const back = new Set<string>();
  let settled = grace === 0 || desk.told.ids().length === 0;

  const observed = (device: string) => fleet.observed(device);
  const tunnel = (gateway: string, name: string) => fleet.tunnel(gateway, name);
  const switches = new Switches({ desk, observed, tunnel, settled: () => settled });

  const watchDevice = (device: Resource<"device">, now: Observed | undefined) => {
    const { id } = device;
    const online = now?.controller === "normal";
    if (online) back.add(id);
    if (online === (desk.told.get(id) === ONLINE) || (!online && !settled && !back.has(id))) return;
    desk.told.set(id, online ? ONLINE : undefined);
    const words = wordsOf(desk, device);
    if (online) tell("INFO", "DeviceOnline", subjectOf(device), `${words} is connected to the console`);
    else tell("CRITICAL", "DeviceOffline", subjectOf(device), `${words} has no connection to the console any more`);
  };

  /** Of the devices that a gateway's tunnels lead to. */
  const watchBehind = (tunnels: readonly string[]) => {
    const instances = new Set(tunnels.map((name) => desk.intent.device.get(name)?.instance));
    for (const id of instances) {
      const instance = id == null ? undefined : desk.intent.instance.get(id);
      if (instance) switches.look(instance);
    }
  };

  fleet.onObserved((id, now, before, turned) => {
    const device = desk.intent.device.get(id);
    if (!device) return;
    if (now.error && now.error.message !== before?.error?.message) {
      const message = `${wordsOf(desk, device)} did not apply its configuration: ${now.error.message}`;
      tell("WARN", "ConfigurationRefused", subjectOf(device), message);
    }
    if (device.role === "gateway") watchBehind(turned);
    if (before?.controller === now.controller && before.vpn === now.vpn) return;
    watchDevice(device, now);
    const instance = device.instance === null ? undefined : desk.intent.instance.get(device.instance);
    if (!instance) return;
    const failed = before?.vpn === "normal" && now.vpn === "abnormal";
    if (failed && another(instance, id, directoryOf(desk.intent), observed, tunnel)) {
      const message = `tunnels of ${device.role} device ${id} of instance ${instance.name} failed`;
      tell("INFO", "AccessGatewayFailover", subjectOf(instance), message);
    }
    switches.look(instance);
  });

  desk.onCommitted(({ changes }) => {
    for (const { id, after } of changes) {
      if (after) continue;
      desk.told.set(id, undefined);
      back.delete(id);
      switches.forget(id);
    }
  });

  const timer = setTimeout(() => {
    settled = true;
    for (const id of desk.told.ids()) {
      const device = desk.intent.device.get(id);
      if (device) watchDevice(device, fleet.observed(id));
      const instance = desk.intent.instance.get(id);
      if (instance) switches.look(instance);
    }
  }, grace).unref();
  return () => clearTimeout(timer);
}

function subjectOf({ kind, id, name }: Resource<"device"> | Resource<"instance">): Subject {
  // A device is known by its serial number.
  return { kind, id, name: kind === "device" ? id : name };
}

function wordsOf(desk: Desk, device: Resource<"device">): string {
  return `${device.role} device ${device.id} of ${ownerOf(desk, device)}`;
}

function ownerOf(desk: Desk, device: Resource<"device">): string {
  const directory = directoryOf(desk.intent);
  if (device.instance !== null)
    return `instance ${directory.get("instance", device.instance)?.name ?? device.instance}`;
  return `access point ${directory.get("access-point", device.accessPoint!)?.name ?? device.accessPoint}`;
}
