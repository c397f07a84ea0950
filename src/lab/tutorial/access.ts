/** Who reaches whom: ping, TCP and UDP from hosts to hosts, as it should be and as it is. */
import type { Lab } from "../lab.ts";
import { carry, newMarker } from "../marker.ts";
import { ping } from "../ping.ts";
import { BRANCHES, CLOUDS, type Tenant } from "./plan.ts";

export type AccessKind = "ping" | "tcp" | "udp";
export type Expected = "allowed" | "refused";

export interface AccessRow {
  readonly from: string;
  readonly to: string;
  readonly kind: AccessKind;
  readonly expected: Expected;
  readonly ok: boolean;
}

export interface Way {
  readonly from: string;
  readonly to: string;
  readonly address: string;
}

/** From every branch host of a tenant to every server of its VPCs. */
export function waysToServers(tenant: Tenant): Way[] {
  return branchesOf(tenant).flatMap(({ host }) =>
    CLOUDS.filter((cloud) => cloud.tenant === tenant).map(({ server, address }) => ({
      from: host,
      to: server,
      address,
    })),
  );
}

/** From every branch host of a tenant to those of its other branches. */
export function waysBetweenBranches(tenant: Tenant): Way[] {
  const branches = branchesOf(tenant);
  return branches.flatMap((from) =>
    branches.filter((to) => to !== from).map((to) => ({ from: from.host, to: to.host, address: to.address })),
  );
}

function branchesOf(tenant: Tenant) {
  return BRANCHES.filter((branch) => branch.tenant === tenant);
}

/** Tries every way with ping, TCP and UDP at once. `ok`: it was as expected. */
export async function tryAccess(
  lab: Lab,
  ways: readonly Way[],
  expected: Expected,
  signal?: AbortSignal,
): Promise<AccessRow[]> {
  const rows = await Promise.all(
    ways.map(async ({ from, to, address }) => {
      const reached = await reaches(lab.namespace(from), address, expected, signal);
      return KINDS.map((kind) => ({ from, to, kind, expected, ok: reached[kind] === (expected === "allowed") }));
    }),
  );
  return rows.flat();
}

const KINDS: readonly AccessKind[] = ["ping", "tcp", "udp"];

async function reaches(
  namespace: string,
  address: string,
  expected: Expected,
  signal?: AbortSignal,
): Promise<Record<AccessKind, boolean>> {
  const ended = signal ? { signal } : {};
  const [pinged, carried] = await Promise.all([
    ping(namespace, address, { count: 3, interval: 0.2, ...ended }),
    carry(namespace, address, newMarker(), { refused: expected === "refused", ...ended }),
  ]);
  return { ping: pinged.received > 0, ...carried };
}
