/**
 * Events of the field out of what is observed of devices: who came and went, and who carries an instance's traffic now.
 *
 *   DeviceOnline INFO, DeviceOffline CRITICAL            its agent is connected, or no more
 *   AccessGatewayFailover INFO                           tunnels of a device failed; the other device still has a way
 *   DeviceSwitched CRITICAL                              the instance's traffic went over to the other device
 *   ConnectionDisconnect CRITICAL, ConnectionRestored INFO   no device has a way any more, or one has again
 *   ConfigurationRefused WARN                            a device could not apply what it was sent
 *
 * The fleet itself tells of identities: DeviceEnrolled, DeviceReplaced, SecondHost, EnrolmentRefused, EnrolmentLocked.
 */
import { directoryOf } from "../model/lineage.ts";
import type { Observed } from "../model/observed.ts";
import type { Resource } from "../model/resources.ts";
import { instanceStatus } from "../model/status.ts";
import type { Desk } from "./desk.ts";

type Seen = (device: string) => Observed | undefined;

/** Of the fleet. */
export interface Watched {
  observed(device: string): Observed | undefined;
  onObserved(listener: (device: string, now: Observed, before: Observed | undefined) => void): void;
}

type Subject = { readonly kind: "device" | "instance"; readonly id: string; readonly name: string };
type Level = "INFO" | "WARN" | "CRITICAL";

export function watchFleet(desk: Desk, fleet: Watched): void {
  fleet.onObserved((id, now, before) => {
    const device = desk.intent.device.get(id);
    if (!device) return;
    const tell = (level: Level, code: string, subject: Subject, message: string) =>
      desk.event({ level, code, message, subject });
    watchDevice(desk, device, now, before, tell);
    if (device.instance !== null) watchInstance(desk, device, (other) => fleet.observed(other), now, before, tell);
  });
}

type Tell = (level: Level, code: string, subject: Subject, message: string) => void;

function watchDevice(
  desk: Desk,
  device: Resource<"device">,
  now: Observed,
  before: Observed | undefined,
  tell: Tell,
): void {
  const { id } = device;
  const subject: Subject = { kind: "device", id, name: id };
  const words = `${device.role} device ${id} of ${ownerOf(desk, device)}`;
  const online = now.controller === "normal";
  if (online !== wasOnline(desk, id, before)) {
    if (online) tell("INFO", "DeviceOnline", subject, `${words} is connected to the console`);
    else tell("CRITICAL", "DeviceOffline", subject, `${words} lost its connection to the console`);
  }
  if (now.error && now.error.message !== before?.error?.message) {
    tell("WARN", "ConfigurationRefused", subject, `${words} did not apply its configuration: ${now.error.message}`);
  }
}

/** After a start nothing has been observed yet: then the record tells how it was. */
function wasOnline(desk: Desk, device: string, before: Observed | undefined): boolean {
  if (before) return before.controller === "normal";
  return desk.events.last(device, "DeviceOnline", "DeviceOffline")?.code === "DeviceOnline";
}

function watchInstance(
  desk: Desk,
  device: Resource<"device">,
  observed: Seen,
  now: Observed,
  before: Observed | undefined,
  tell: Tell,
): void {
  if (!before) return;
  const instance = desk.intent.instance.get(device.instance!);
  // What operators switch off is no failure.
  if (!instance?.activated || instance.locked) return;
  const carrierWith = (seen: Observed) =>
    instanceStatus(desk.intent, instance.id, (other) => (other === device.id ? seen : observed(other))).carrier;
  const [was, is] = [carrierWith(before), carrierWith(now)];
  const subject: Subject = { kind: "instance", id: instance.id, name: instance.name };
  const words = `instance ${instance.name}`;
  if (before.vpn === "normal" && now.vpn === "abnormal" && is !== null) {
    tell("INFO", "AccessGatewayFailover", subject, `tunnels of ${device.role} device ${device.id} of ${words} failed`);
  }
  if (was === is) return;
  if (is === null) tell("CRITICAL", "ConnectionDisconnect", subject, `no device of ${words} has a tunnel any more`);
  else if (was === null) tell("INFO", "ConnectionRestored", subject, `${words} is connected through device ${is}`);
  else tell("CRITICAL", "DeviceSwitched", subject, `traffic of ${words} went over from device ${was} to ${is}`);
}

function ownerOf(desk: Desk, device: Resource<"device">): string {
  const directory = directoryOf(desk.intent);
  if (device.instance !== null)
    return `instance ${directory.get("instance", device.instance)?.name ?? device.instance}`;
  return `access point ${directory.get("access-point", device.accessPoint!)?.name ?? device.accessPoint}`;
}
