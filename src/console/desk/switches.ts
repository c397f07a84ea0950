/**
 * Events of an instance: which device carries its traffic, and whether any does.
 *
 *   nobody → a device            ConnectionRestored INFO
 *   → the active, a moment later ConnectionRestored INFO   the standby was there first: nothing failed
 *   a device → the standby       DeviceSwitched CRITICAL
 *   the standby → the active     DeviceSwitched INFO
 *   a device → nobody            ConnectionDisconnect CRITICAL
 */
import type { TunnelSeen } from "../model/carrier.ts";
import type { Seen } from "../model/observed.ts";
import type { Resource } from "../model/resources.ts";
import { instanceStatus } from "../model/status.ts";
import type { Level } from "../store/events.ts";
import type { Desk } from "./desk.ts";

/** So long after an instance has a connection again it may turn out which device carries it; milliseconds. */
const CHOOSING = 60_000;

/** What is told of an instance that nobody carries. */
const NOBODY = "";

export interface SwitchParts {
  readonly desk: Desk;
  readonly observed: Seen;
  readonly tunnel: TunnelSeen;
  /** Have all had time to come back since the console started? */
  readonly settled: () => boolean;
}

export class Switches {
  readonly #parts: SwitchParts;
  /** Instances whose gateway has said since the start that all is as it was told. */
  readonly #back = new Set<string>();
  /** When each instance had a connection again, and whether its gateway has said since which device it chose. None: it has its device. */
  readonly #restored = new Map<string, { readonly at: number; readonly chosen: boolean }>();

  constructor(parts: SwitchParts) {
    this.#parts = parts;
  }

  /** Something was seen that may concern it. */
  look(instance: Resource<"instance">): void {
    // What operators switch off is no failure.
    if (!instance.activated || instance.locked) return;
    const { desk, observed, tunnel, settled } = this.#parts;
    const { id } = instance;
    const was = desk.told.get(id) || null;
    const { carrier: is, carrierKnownBy } = instanceStatus(desk.intent, id, observed, tunnel);
    const certain = carrierKnownBy === "gateway";
    // After a start of the console devices come back one by one, and perhaps their tunnels too; what has been as it was is told at once.
    if (was !== null && was !== is && !settled() && !(certain && this.#back.has(id))) return;
    if (certain) this.#back.add(id);
    const role = is === null ? undefined : desk.intent.device.get(is)?.role;
    const since = this.#restored.get(id);
    if (was === null && is !== null) this.#restored.set(id, { at: desk.now(), chosen: certain });
    else if (since && certain) this.#restored.set(id, { ...since, chosen: true });
    if (certain && role === "active") this.#restored.delete(id);
    if (was === is) return;
    desk.told.set(id, is ?? NOBODY);
    const choosing = since !== undefined && desk.now() - since.at < CHOOSING;
    const { level, code, message } = told(instance, was, {
      device: is,
      role,
      // The gateway's first word corrects a guess.
      corrects: choosing && certain && !since.chosen,
      choosing,
    });
    if (code === "DeviceSwitched") this.#restored.delete(id);
    const guessed = certain ? "" : ", as far as the devices tell: their gateway does not";
    desk.event({
      level,
      code,
      message: `${message}${guessed}`,
      subject: { kind: "instance", id, name: instance.name },
    });
  }

  /** It is deleted. */
  forget(instance: string): void {
    this.#back.delete(instance);
    this.#restored.delete(instance);
  }
}

interface Now {
  readonly device: string | null;
  readonly role: Resource<"device">["role"] | undefined;
  readonly corrects: boolean;
  readonly choosing: boolean;
}

function told(
  { name }: Resource<"instance">,
  was: string | null,
  { device, role, corrects, choosing }: Now,
): { readonly level: Level; readonly code: string; readonly message: string } {
  if (device === null) {
    const message = `no device of instance ${name} has a tunnel any more`;
    return { level: "CRITICAL", code: "ConnectionDisconnect", message };
  }
  if (was === null || corrects || (choosing && role === "active")) {
    const message = `instance ${name} is connected through its ${role} device ${device}`;
    return { level: "INFO", code: "ConnectionRestored", message };
  }
  if (role === "active") {
    const message = `traffic of instance ${name} went back from device ${was} to the active device ${device}`;
    return { level: "INFO", code: "DeviceSwitched", message };
  }
  const message = `traffic of instance ${name} went over from device ${was} to ${device}`;
  return { level: "CRITICAL", code: "DeviceSwitched", message };
}
