/** The six steps of the tutorial, each by the commands that a user types. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabFault } from "../fault.ts";
import { NETWORKS, securityGroup } from "./cloud.ts";
import type { Operator } from "./operator.ts";
import { AREA, BRANCHES, type Branch, CLOUDS, type Cloud, type Tenant } from "./plan.ts";
import type { DeviceKey, Region } from "./region.ts";

/** Mbit/s, as in the seeds' tutorial. */
export const PEAK = 2;

/** Longest wait for devices to apply a change, ms. */
const IN_STEP_MS = 60_000;

export function branchesOf(tenant: Tenant): readonly Branch[] {
  return BRANCHES.filter((branch) => branch.tenant === tenant);
}

/** The two devices that an instance comes with. */
export interface Bought {
  readonly active: DeviceKey;
  readonly standby: DeviceKey;
}

/** Step 1: buy an instance for each branch; each brings two devices with serial numbers and keys, noted in `bought` by the edge's place. */
export async function buy(operator: Operator, tenant: Tenant, bought: Map<string, Bought>): Promise<void> {
  for (const { instance, edge, accessPoint } of branchesOf(tenant)) {
    const flags = ["--area", AREA, "--access-point", accessPoint, "--peak-bandwidth", String(PEAK)];
    const reply = await operator.ask<{ devices: DeviceKey[] }>("create", "instance", instance, ...flags);
    const [active, standby] = reply.devices;
    if (!active || !standby) throw new LabFault("bad-output", `The console gave no two devices for ${instance}.`);
    bought.set(edge, { active, standby });
  }
}

/** Step 2: at each branch the device is connected: it joins with its serial number and key. */
export async function connect(
  region: Region,
  tenant: Tenant,
  bought: ReadonlyMap<string, Bought>,
  fingerprint: string,
): Promise<void> {
  await Promise.all(
    branchesOf(tenant).map(({ edge }) => region.connect(edge, "edge", bought.get(edge)!.active, fingerprint)),
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
  for (const cloud of CLOUDS.filter((one) => one.tenant === tenant))
    for (const branch of branchesOf(tenant)) await letIn(operator, branch, cloud);
}

/** The rule that lets a branch into a VPC. */
export async function letIn(operator: Operator, { instance, cidr }: Branch, { vpc }: Cloud): Promise<void> {
  const flags = ["--security-group", securityGroup(vpc), "--direction", "ingress", "--policy", "accept"];
  await operator.type("create", "rule", ruleOf(instance, vpc), ...flags, "--protocol", "all", "--cidr", cidr);
}

export function ruleOf(instance: string, vpc: string): string {
  return `${instance}-to-${vpc}`;
}

/** Every branch's verdict over the whole chain. Throws when one does not become ready. */
export async function ready(operator: Operator, tenant: Tenant): Promise<void> {
  for (const { instance } of branchesOf(tenant)) await operator.type("ready", instance, "--wait", "--timeout", "60s");
}

/** Waits until every device that is connected runs what the console wants of it. */
export async function inStep(operator: Operator): Promise<void> {
  const until = performance.now() + IN_STEP_MS;
  for (;;) {
    const devices = await operator.ask<{ status: { controller: string; sync: string } }[]>("get", "devices");
    const late = devices.filter(({ status }) => status.controller === "normal" && status.sync !== "synchronized");
    if (late.length === 0) return;
    if (performance.now() > until) {
      throw new LabFault("command-timeout", `${late.length} devices do not run what the console wants of them.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Writes a file of the operator's and applies it. */
export async function apply<T>(operator: Operator, folder: string, name: string, text: string): Promise<T> {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return operator.ask<T>("apply", "-f", file);
}
