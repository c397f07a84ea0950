/** A router with two TUN devices, one of them with a filter: what goes to it and what comes from it. No tunnels, no keys. */

import type { FilterRule, FilterRules } from "../../../src/datapath/rules.ts";
import type { Seen } from "./filteroracle.ts";
import { type Outcome, Router, type Vnet } from "./harness.ts";
import { address, ip, udp } from "./packets.ts";

export interface RuleText {
  readonly direction?: "in" | "out";
  readonly protocol?: number;
  readonly ports?: readonly [number, number];
  readonly prefix?: string;
  readonly action?: "accept" | "drop";
}

export function rule(text: RuleText, index = 0): FilterRule {
  const [far = "", length] = (text.prefix ?? "0.0.0.0/0").split("/");
  return {
    id: `rule-${index}`,
    direction: text.direction ?? "in",
    protocol: text.protocol ?? null,
    ports: text.ports ? { low: text.ports[0], high: text.ports[1] } : null,
    prefix: { address: address(far), length: Number(length) },
    action: text.action ?? "accept",
  };
}

/** In: dropped, out: accepted, unless it is said otherwise. */
export function rules(
  texts: readonly RuleText[],
  defaults: Partial<Pick<FilterRules, "in" | "out">> = {},
): FilterRules {
  return { rules: texts.map(rule), in: defaults.in ?? "drop", out: defaults.out ?? "accept" };
}

const VRF = 1;

export class FilterBed {
  readonly router: Router;
  /** 10.1.0.0/16 and fd00:1::/32: the rest of the world. */
  readonly far: { tun: number; adjacency: number };
  /** 10.2.0.0/16 and fd00:2::/32: the network with the filter. */
  readonly near: { tun: number; adjacency: number };
  readonly guard: number;
  #rules: FilterRules;

  constructor(rules: FilterRules, options: ConstructorParameters<typeof Router>[0] = {}) {
    this.router = new Router(options);
    this.far = this.router.tun(VRF);
    this.near = this.router.tun(VRF);
    for (const [prefix, { adjacency }] of [
      ["10.1.0.0/16", this.far],
      ["fd00:1::/32", this.far],
      ["10.2.0.0/16", this.near],
      ["fd00:2::/32", this.near],
    ] as const) {
      this.router.route(VRF, prefix, adjacency);
    }
    this.guard = this.router.guard(this.near, rules);
    this.#rules = rules;
  }

  change(rules: FilterRules): void {
    this.router.set32(this.guard, this.router.ruleSet(rules));
    this.#rules = rules;
  }

  hits(): number[] {
    return this.router.hits(this.guard, this.#rules);
  }

  /** Into the network with the filter. */
  in(...packets: (Uint8Array | readonly [Vnet, Uint8Array])[]): Outcome {
    return this.router.fromTun(this.far.tun, ...packets);
  }

  /** Out of it. */
  out(...packets: (Uint8Array | readonly [Vnet, Uint8Array])[]): Outcome {
    return this.router.fromTun(this.near.tun, ...packets);
  }

  /** "pass", or the names of the counters that say why not. */
  send(direction: "in" | "out", packet: Uint8Array): string {
    const before = this.router.counters();
    const { written } = direction === "in" ? this.in(packet) : this.out(packet);
    if (written.length === 1) return "pass";
    const after = this.router.counters();
    const raised = Object.keys(after).filter((name) => (after[name] ?? 0) > (before[name] ?? 0));
    return raised.filter((name) => !["tun-read", "flow-cut", "flow-evicted"].includes(name)).join(" ");
  }
}

/** The bytes of what the oracle sees. */
export function packetOf(seen: Seen): Buffer {
  const { from, to, what } = seen;
  const six = from.includes(":");
  switch (what.kind) {
    case "tcp":
      return ip({ from, to, protocol: 6, payload: segment(what.ports, what.flags) });
    case "udp":
      return ip({ from, to, protocol: 17, payload: udp(what.ports[0], what.ports[1], Buffer.alloc(12, 7)) });
    case "echo":
      return ip({ from, to, protocol: six ? 58 : 1, payload: echo(six, what.id, what.reply) });
    case "other":
      return ip({ from, to, protocol: what.protocol, payload: Buffer.alloc(24, 9) });
  }
}

export function segment([from, to]: readonly [number, number], flags: number, data = ""): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header[12] = 0x50;
  header[13] = flags;
  return Buffer.concat([header, Buffer.from(data)]);
}

export function echo(six: boolean, id: number, reply: boolean): Buffer {
  const message = Buffer.alloc(16);
  message[0] = six ? (reply ? 129 : 128) : reply ? 0 : 8;
  message.writeUInt16BE(id, 4);
  return message;
}

/** An ICMP error of this type and code about a packet, of which so many bytes are quoted. */
export function errorAbout(
  packet: Uint8Array,
  from: string,
  to: string,
  type: number,
  code: number,
  quoted = 64,
): Buffer {
  const payload = Buffer.concat([Buffer.from([type, code, 0, 0, 0, 0, 5, 0]), packet.subarray(0, quoted)]);
  return ip({ from, to, protocol: from.includes(":") ? 58 : 1, payload });
}
