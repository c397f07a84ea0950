/** VPCs are attached to the CEN and published, and the way to one of them is up. */
import type { Directory } from "../directory.ts";
import type { Seen } from "../observed.ts";
import { placeOf } from "../place.ts";
import type { Resource } from "../resources.ts";
import { gatewayBehind } from "./gateway.ts";
import { broken, type Found, good, type Link, waits } from "./link.ts";

export const vpcLink: Link = (instance, directory, observed) => {
  const cen = cenOf(instance, directory);
  if (!cen) return waits("VPCs are reached through a CEN");
  const attached = directory.usersOf(cen.id, "vpc");
  if (attached.length === 0) {
    return broken("no-vpc", `no VPC is attached to CEN ${cen.name}`, `Run: vcpe bind vpc VPC cen ${cen.name}`);
  }
  const published = publishedOf(instance, directory);
  if (published.length === 0) {
    const names = attached.map(({ name }) => name).join(", ");
    return broken(
      "withdrawn",
      `every VPC of CEN ${cen.name} is withdrawn (${names})`,
      `Run: vcpe update vpc ${attached[0].name} --no-withdrawn`,
    );
  }
  const faults = byDistance(published, instance, directory).map((vpc) =>
    fault(vpc, instance, cen.id, directory, observed),
  );
  const names = reachable(instance, directory, observed).map(({ name }) => name);
  return names.length === 0 ? faults[0]! : good(`CEN ${cen.name} leads to VPC ${names.join(", ")}`);
};

/** Published VPCs of the instance's CEN with nothing broken on the way to them. */
export function reachable(instance: Resource<"instance">, directory: Directory, observed: Seen): Resource<"vpc">[] {
  const cen = cenOf(instance, directory);
  return publishedOf(instance, directory).filter((vpc) => !fault(vpc, instance, cen!.id, directory, observed));
}

/** VPCs of the instance's CEN that are not withdrawn. */
export function publishedOf(instance: Resource<"instance">, directory: Directory): Resource<"vpc">[] {
  const cen = cenOf(instance, directory);
  return cen ? directory.usersOf(cen.id, "vpc").filter(({ withdrawn }) => !withdrawn) : [];
}

/** Those at the instance's own access point first: they need the least. */
function byDistance(
  vpcs: readonly Resource<"vpc">[],
  instance: Resource<"instance">,
  directory: Directory,
): Resource<"vpc">[] {
  const own = directory.accessPointOf(instance)?.id;
  return vpcs.toSorted((a, b) => Number(a.accessPoint !== own) - Number(b.accessPoint !== own));
}

function cenOf(instance: Resource<"instance">, directory: Directory): Resource<"cen"> | undefined {
  const cen = instance.ccn === null ? null : (directory.get("ccn", instance.ccn)?.cen ?? null);
  return cen === null ? undefined : directory.get("cen", cen);
}

/** What is broken between the instance's access point and this VPC; undefined: nothing. */
function fault(
  vpc: Resource<"vpc">,
  instance: Resource<"instance">,
  vrf: string,
  directory: Directory,
  observed: Seen,
): Found | undefined {
  const point = directory.get("access-point", vpc.accessPoint);
  const gateway = point && directory.gatewayOf(point.id);
  const seen = gateway && observed(gateway.id);
  if (!point || !gateway || seen?.controller !== "normal") {
    return broken(
      "gateway-down",
      `the gateway of access point ${point?.name ?? vpc.accessPoint}, where VPC ${vpc.name} is, is not connected to the console`,
      `On its host run: vcpe gateway${gateway ? `; the first time: vcpe join --console URL --serial ${gateway.id}` : ""}`,
    );
  }
  const behind = gatewayBehind(point, seen, instance.name);
  if (behind) return behind;
  const attachment = seen.attachments.find(({ name }) => name === vpc.id);
  if (attachment?.state !== "up") {
    return broken(
      "attachment-down",
      `VPC ${vpc.name} is not attached at access point ${point.name}: ${attachment ? (attachment.reason ?? attachment.state) : "its gateway has not reported it"}`,
      `See that its ${vpc.place.kind === "host" ? "network" : placeOf(vpc).called} exists on the gateway's host`,
    );
  }
  const own = directory.accessPointOf(instance);
  if (!own || own.id === point.id) return undefined;
  const between = seen.tunnels.find(({ name }) => name === `${vrf}.${directory.gatewayOf(own.id)?.id}`);
  if (between?.state === "up") return undefined;
  return broken(
    "tunnel-down",
    `the tunnel between access points ${own.name} and ${point.name}, where VPC ${vpc.name} is, is not up${between?.lastError ? `: ${between.lastError}` : ""}`,
    `See that UDP ${point.ikePort} and ${point.natPort} pass between the two gateways`,
  );
}
