/** One request of each kind, in the order in which they can be sent: the tutorial's first branch. */
import type { OwnKind } from "../desk/draft.ts";

export const EXAMPLES: Readonly<Record<OwnKind, Readonly<Record<string, unknown>>>> = {
  area: { name: "mainland" },
  "access-point": {
    name: "shanghai",
    area: "mainland",
    region: "shanghai",
    ipv4: "198.51.100.1",
    lineInterfaces: ["eth2"],
    vpcNamespaces: ["vpc-shanghai"],
  },
  cen: { name: "corp", area: "mainland" },
  ccn: { name: "branches", area: "mainland", cen: "corp" },
  instance: {
    name: "hangzhou",
    area: "mainland",
    accessPoint: "shanghai",
    peakBandwidth: 10,
    cidrs: ["172.16.0.0/24"],
    ccn: "branches",
  },
  vpc: {
    name: "vpc-shanghai",
    accessPoint: "shanghai",
    cidr: "10.1.0.0/16",
    vswitches: [{ name: "servers", cidr: "10.1.1.0/24" }],
    place: { kind: "namespace", name: "vpc-shanghai" },
    cen: "corp",
  },
  vbr: {
    name: "line-1",
    accessPoint: "shanghai",
    interface: "eth2",
    nextHop: "192.0.2.1",
    prefixes: ["10.200.0.0/16"],
    cen: "corp",
  },
  "security-group": { name: "servers", vpc: "vpc-shanghai" },
  rule: {
    name: "allow-hangzhou",
    securityGroup: "servers",
    direction: "ingress",
    policy: "accept",
    protocol: "all",
    cidr: "172.16.0.0/24",
  },
};
