/** What an operator wrote → a spec: defaults filled in, texts canonical. */
import { isIPv6 } from "node:net";
import { canonicalAddress } from "../../router/address.ts";
import type { Kind, Spec, Written } from "./resources.ts";

const DEFAULTS: { readonly [K in Kind]: Readonly<Partial<Record<keyof Written<K>, unknown>>> } = {
  area: { description: "" },
  "access-point": {
    description: "",
    ipv4: null,
    ipv6: null,
    ikePort: 500,
    natPort: 4500,
    lineInterfaces: [],
    vpcNamespaces: [],
    vpcVrfs: [],
  },
  cen: { description: "" },
  ccn: { description: "", cidr: null, interworking: true, cen: null },
  instance: {
    description: "",
    accessPoint: null,
    haType: "warm_backup",
    routingStrategy: "static",
    cidrs: [],
    withdrawn: [],
    ccn: null,
    activated: false,
    locked: false,
  },
  device: {},
  vpc: { description: "", vswitches: [], withdrawn: false, cen: null },
  vbr: { description: "", nextHop: null, withdrawn: [], cen: null },
  "security-group": { description: "" },
  rule: { description: "", ports: "-1/-1", priority: 1 },
};

/** `written` has passed the schema of its kind; keys that are undefined count as absent. */
export function complete<K extends Kind>(kind: K, written: Written<K>): Spec<K> {
  const spec: Record<string, unknown> = { ...DEFAULTS[kind] };
  for (const [key, value] of Object.entries(written)) if (value !== undefined) spec[key] = value;
  // RFC 5952; a text that is no address stays, and its rule names it.
  if (typeof spec.ipv6 === "string" && isIPv6(spec.ipv6) && !spec.ipv6.includes("%")) {
    spec.ipv6 = canonicalAddress(spec.ipv6);
  }
  return Object.freeze(spec) as Spec<K>;
}
