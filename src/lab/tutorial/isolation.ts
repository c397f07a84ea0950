/**
 * That two customers with the same addresses never meet: what one sends is looked for at the other's hosts, and nobody's VPC gets into a
 * network that is not for it.
 */
import { Capture } from "../capture.ts";
import { type Check, checked } from "../checks.ts";
import type { Lab } from "../lab.ts";
import { carry, newMarker } from "../marker.ts";
import { ping } from "../ping.ts";
import type { Operator } from "./operator.ts";
import { BRANCHES, CLOUDS, OFFICE, type Tenant } from "./plan.ts";

/**
 * Each customer sends a marker of its own from its branch to its VPC, at the same time and to the same address. It must come back, be seen
 * at its own server, and nowhere at the other's.
 */
export async function strangersNeverMeet(lab: Lab, signal?: AbortSignal): Promise<Check[]> {
  const sides = [sideOf(lab, "corp"), sideOf(lab, "other")];
  const captures = await Promise.all(
    sides.map(({ server }) => Capture.start(lab.state, `isolation-${server}`, lab.namespace(server))),
  );
  const came = await Promise.all(
    sides.map(async ({ host, address, marker }) => {
      const namespace = lab.namespace(host);
      const pinged = await ping(namespace, address, { count: 5, interval: 0.1, size: 120, pattern: marker });
      return pinged.received > 0 && (await carry(namespace, address, marker, signal ? { signal } : {})).tcp;
    }),
  );
  await Promise.all(captures.map((capture) => capture.stop()));
  const checks = sides.map(({ host, server, marker }, i) =>
    checked(`${host} meets ${server}, and never the other customer's server of the same address`, async () => {
      const own = captures[i]!.sees(marker);
      const strange = captures[1 - i]!.sees(marker);
      const detail = `answered: ${yes(came[i]!)}; marker at its own server: ${yes(own)}, at the other's: ${yes(strange)}`;
      return { ok: came[i]! && own && !strange, detail };
    }),
  );
  return Promise.all(checks);
}

/** No VPC can be put where another customer's is, nor into a network that its access point does not offer. */
export function networksAreKept(lab: Lab, operator: Operator): Promise<Check[]> {
  const { vpc, accessPoint } = CLOUDS.find(({ tenant }) => tenant === "other")!;
  const tries = [
    { where: vpc, told: `is that of VPC ${vpc}` },
    { where: OFFICE, told: `access point ${accessPoint} does not offer` },
  ];
  const checks = tries.map(({ where, told }) =>
    checked(`a VPC in the network of ${where} is refused`, async () => {
      const place = ["--access-point", accessPoint, "--place", `namespace:${lab.namespace(where)}`];
      const { code, stderr } = await operator.attempt("create", "vpc", "intruder", "--cidr", "10.9.0.0/16", ...place);
      return {
        ok: code !== 0 && stderr.toLowerCase().includes(told.toLowerCase()),
        detail: stderr.trim().slice(0, 300),
      };
    }),
  );
  return Promise.all(checks);
}

function sideOf(lab: Lab, tenant: Tenant) {
  const { host } = BRANCHES.find((branch) => branch.tenant === tenant)!;
  const { server, address } = CLOUDS.find((cloud) => cloud.tenant === tenant)!;
  return { lab, host, server, address, marker: newMarker() };
}

function yes(value: boolean): string {
  return value ? "yes" : "no";
}
