/** The six steps of the tutorial, each by the commands that a user types. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { NETWORKS, securityGroup } from "./cloud.ts";
import type { Operator } from "./operator.ts";
import { AREA, BRANCHES, type Branch, CLOUDS, type Tenant } from "./plan.ts";
import type { DeviceKey, Region } from "./region.ts";

/** Mbit/s, as in the seeds' tutorial. */
export const PEAK = 2;

export function branchesOf(tenant: Tenant): readonly Branch[] {
  return BRANCHES.filter((branch) => branch.tenant === tenant);
}

/** Step 1: buy an instance for each branch; each brings two devices with serial numbers and keys. The active one's goes to `active`, by edge. */
export async function buy(operator: Operator, tenant: Tenant, active: Map<string, DeviceKey>): Promise<void> {
  for (const { instance, edge, accessPoint } of branchesOf(tenant)) {
    const flags = ["--area", AREA, "--access-point", accessPoint, "--peak-bandwidth", String(PEAK)];
    const reply = await operator.ask<{ devices: DeviceKey[] }>("create", "instance", instance, ...flags);
    active.set(edge, reply.devices[0]!);
  }
}

/** Step 2: at each branch the device is connected: it joins with its serial number and key. */
export async function connect(
  region: Region,
  tenant: Tenant,
  devices: ReadonlyMap<string, DeviceKey>,
  fingerprint: string,
) {
  await Promise.all(
    branchesOf(tenant).map(({ edge }) => region.connect(edge, "edge", devices.get(edge)!, fingerprint)),
  );
}

/** Step 3: activate. */
export async function activate(operator: Operator, tenant: Tenant): Promise<void> {
  for (const { instance } of branchesOf(tenant)) await operator.type("activate", "instance", instance);
}

/** Step 4: private CIDR blocks, the CCN, and the CCN's CEN. */
export async function configure(operator: Operator, tenant: Tenant): Promise<void> {
  const { ccn, cen } = NETWORKS[tenant];
  for (const { instance, cidr } of branchesOf(tenant)) {
    await operator.type("update", "instance", instance, "--cidrs", cidr);
    await operator.type("bind", "instance", instance, "ccn", ccn);
  }
  await operator.type("bind", "ccn", ccn, "cen", cen);
}

/** Step 5: let the branches into the VPCs. */
export async function openSecurityGroups(operator: Operator, tenant: Tenant): Promise<void> {
  for (const { vpc } of CLOUDS.filter((cloud) => cloud.tenant === tenant)) {
    for (const { instance, cidr } of branchesOf(tenant)) {
      const flags = ["--security-group", securityGroup(vpc), "--direction", "ingress", "--policy", "accept"];
      await operator.type("create", "rule", `${instance}-to-${vpc}`, ...flags, "--protocol", "all", "--cidr", cidr);
    }
  }
}

/** Every branch's verdict over the whole chain. Throws when one does not become ready. */
export async function ready(operator: Operator, tenant: Tenant): Promise<void> {
  for (const { instance } of branchesOf(tenant)) await operator.type("ready", instance, "--wait", "--timeout", "30s");
}

/** Writes a file of the operator's and applies it. */
export async function apply<T>(operator: Operator, folder: string, name: string, text: string): Promise<T> {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return operator.ask<T>("apply", "-f", file);
}
