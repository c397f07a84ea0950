/** What stands before the tutorial begins: the area, its access points, and the company's VPCs in its CEN; as one file for `vcpe apply`. */
import { stringify } from "yaml";
import { AREA, CLOUDS, GATEWAYS, type Tenant } from "./plan.ts";

/** Names of a customer's networks in the console. */
export const NETWORKS: Readonly<Record<Tenant, { readonly ccn: string; readonly cen: string }>> = {
  corp: { ccn: "corp-ccn", cen: "corp" },
  other: { ccn: "other-ccn", cen: "other" },
};

export function securityGroup(vpc: string): string {
  return `${vpc}-sg`;
}

/** `namespace`: the network namespace of a place. */
export function cloudFile(namespace: (place: string) => string): string {
  const tenants = Object.values(NETWORKS);
  return stringify({
    areas: [{ name: AREA }],
    "access-points": GATEWAYS.map(({ place, address }) => ({
      name: place,
      area: AREA,
      region: place,
      ipv4: address,
      vpcNamespaces: CLOUDS.filter(({ accessPoint }) => accessPoint === place).map(({ vpc }) => namespace(vpc)),
    })),
    cens: tenants.map(({ cen }) => ({ name: cen, area: AREA })),
    ccns: tenants.map(({ ccn }) => ({ name: ccn, area: AREA })),
    vpcs: CLOUDS.map(({ vpc, cidr, vswitch, accessPoint, tenant }) => ({
      name: vpc,
      accessPoint,
      cidr,
      vswitches: [{ name: `${vpc}-1`, cidr: vswitch }],
      place: { kind: "namespace", name: namespace(vpc) },
      cen: NETWORKS[tenant].cen,
    })),
    "security-groups": CLOUDS.map(({ vpc }) => ({ name: securityGroup(vpc), vpc })),
  });
}
