/** Which components and routers a change can concern: as many as have to do with it, whatever else there is. */
import type { Directory } from "../model/directory.ts";
import type { Change } from "../model/intent.ts";
import type { Resource } from "../model/resources.ts";

export interface Touched {
  readonly components: Set<string>;
  /** Devices whose head may change. */
  readonly devices: Set<string>;
}

/** Adds what the changed resources have to do with, as `directory` has them: asked before the changes and after. */
export function touch(changes: readonly Change[], directory: Directory, touched: Touched): void {
  for (const change of changes) {
    if (!matters(change)) continue;
    const here = directory.get(change.kind, change.id);
    if (here) touchOne(here, directory, touched);
  }
}

/** Keys that stand in no configuration. */
const SILENT = new Set(["description", "lineInterfaces", "vpcNamespaces", "vpcVrfs", "version", "created", "updated"]);

function matters({ kind, before, after }: Change): boolean {
  if (!before || !after) return true;
  const a = before as unknown as Readonly<Record<string, unknown>>;
  const b = after as unknown as Readonly<Record<string, unknown>>;
  // The name of an access point decides which one of its area is the first.
  return Object.keys(b).some(
    (key) => a[key] !== b[key] && !SILENT.has(key) && (key !== "name" || kind === "access-point"),
  );
}

function touchOne(resource: Resource, directory: Directory, { components, devices }: Touched): void {
  const add = (component: string | null | undefined) => {
    if (component != null) components.add(component);
  };
  const bound = (one: Resource<"instance" | "vpc" | "vbr"> | undefined) => add(one && directory.componentOf(one));
  const point = (id: string) => {
    for (const device of directory.users(id, "device")) devices.add(device);
    for (const kind of ["instance", "vpc", "vbr"] as const) {
      for (const user of directory.users(id, kind)) bound(directory.get(kind, user));
    }
    // Those that name no access point follow the order of names in their area.
    const area = directory.get("access-point", id)?.area;
    for (const user of area === undefined ? [] : directory.users(area, "instance")) {
      const instance = directory.get("instance", user)!;
      if (instance.accessPoint === null) bound(instance);
    }
  };
  switch (resource.kind) {
    case "area":
      return;
    case "access-point":
      point(resource.id);
      return;
    case "cen":
      add(resource.id);
      return;
    case "ccn":
      add(resource.cen ?? resource.id);
      return;
    case "instance":
    case "vpc":
    case "vbr":
      bound(resource);
      return;
    case "device":
      devices.add(resource.id);
      if (resource.accessPoint !== null) point(resource.accessPoint);
      else if (resource.instance !== null) bound(directory.get("instance", resource.instance));
      return;
    case "security-group":
      bound(directory.get("vpc", resource.vpc));
      return;
    case "rule": {
      const group = directory.get("security-group", resource.securityGroup);
      bound(group && directory.get("vpc", group.vpc));
      return;
    }
  }
}
