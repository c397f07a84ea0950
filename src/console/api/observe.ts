/** What is seen of a resource, as against what is wanted of it: the `status` of replies. */

import { directoryOf } from "../model/lineage.ts";
import { type Observed, UNSEEN } from "../model/observed.ts";
import type { Resource } from "../model/resources.ts";
import { type InstanceStatus, instanceStatus } from "../model/status.ts";
import type { ConsoleParts } from "./parts.ts";

/** undefined: its kind has none. @param whole with tunnels, attachments and drops, that only one device's own reply bears */
export function statusOf({ desk, fleet }: ConsoleParts, resource: Resource, whole: boolean): object | undefined {
  const seen = (device: string) => fleet.observed(device) ?? { ...UNSEEN, wanted: desk.versionOf(device) };
  switch (resource.kind) {
    case "instance":
      return statusOfInstance({ desk, fleet }, resource.id);
    case "device": {
      const { tunnels, attachments, drops = {} } = seen(resource.id);
      return { ...summary(seen(resource.id)), ...(whole && { tunnels, attachments, drops }) };
    }
    case "access-point": {
      const gateway = directoryOf(desk.intent).gatewayOf(resource.id);
      return { device: gateway?.id ?? null, ...summary(gateway ? seen(gateway.id) : UNSEEN) };
    }
    case "vpc":
    case "vbr": {
      const gateway = directoryOf(desk.intent).gatewayOf(resource.accessPoint);
      const here = gateway && seen(gateway.id).attachments.find(({ name }) => name === resource.id);
      return { state: here?.state ?? "unknown", reason: here?.reason ?? null };
    }
    default:
      return undefined;
  }
}

export function statusOfInstance({ desk, fleet }: Pick<ConsoleParts, "desk" | "fleet">, id: string): InstanceStatus {
  return instanceStatus(
    desk.intent,
    id,
    (device) => fleet.observed(device),
    (device, tunnel) => fleet.tunnel(device, tunnel),
  );
}

type Summary = Omit<Observed, "tunnels" | "attachments" | "drops"> & {
  readonly tunnelsUp: number;
  readonly tunnelsTotal: number;
};

/** What of it is worth telling when it changes: not counters and round trips, which change all the time. */
export function summary(of: Observed): Summary {
  let tunnelsUp = 0;
  for (const { state } of of.tunnels) if (state === "up") tunnelsUp++;
  return {
    controller: of.controller,
    vpn: of.vpn,
    sync: of.sync,
    enrolled: of.enrolled,
    version: of.version,
    lastSeen: of.lastSeen,
    applied: of.applied,
    wanted: of.wanted,
    error: of.error,
    tunnelsUp,
    tunnelsTotal: of.tunnels.length,
  };
}

/** A resource with its status. */
export function shown(parts: ConsoleParts, resource: Resource, whole = false): object {
  const status = statusOf(parts, resource, whole);
  return status ? { ...resource, status } : resource;
}
