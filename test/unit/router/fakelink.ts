/** Links and network namespaces of the kernel in a few maps, and how it refuses. */
import type { Link, NapiSetting } from "../../../src/router/host.ts";

export class Refused extends Error {
  readonly code: string;
  readonly line: number;

  constructor(code: string, line = 0) {
    super(`Could not do it: ${code}.`);
    this.code = code;
    this.line = line;
  }
}

export interface FakeLink extends Omit<Link, "name"> {
  mtu: number;
  up: boolean;
  addresses: Set<string>;
  features: Map<string, boolean>;
  napi: Map<NapiSetting, number>;
}

export function fakeLink(index: number): FakeLink {
  return {
    index,
    mtu: 1500,
    up: true,
    kind: "",
    addresses: new Set(),
    features: new Map([
      ["rx-gro", true],
      ["rx-gro-list", false],
      ["rx-udp-gro-forwarding", false],
    ]),
    napi: new Map([
      ["gro_flush_timeout", 0],
      ["napi_defer_hard_irqs", 0],
    ]),
  };
}

/** A named network namespace. */
export class FakeNamespace {
  readonly id: string;
  readonly sysctls = new Map<string, string>([
    ["net/ipv4/ip_forward", "0"],
    ["net/ipv6/conf/all/forwarding", "0"],
    ["net/ipv4/conf/all/rp_filter", "0"],
  ]);
  readonly links = new Map<string, FakeLink>();
  readonly routes = new Map<string, string>();

  constructor(id: string) {
    this.id = id;
  }
}
