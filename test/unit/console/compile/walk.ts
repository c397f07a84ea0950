/**
 * A network out of compiled configurations, and packets that walk through it: longest prefix, preference, zones, traffic selectors of
 * both ends, tunnels that join where identities and certificates say so. Knows nothing of the intent that all this comes from.
 */
import { assemble, type Parts } from "../../../../src/protocol/parts.ts";
import { contains, hostPrefix, prefixOf } from "../../../../src/router/address.ts";
import type { RouterConfig, TunnelConfig } from "../../../../src/router/config/config.ts";

export type End =
  | {
      readonly at: "router" | "lan" | "attachment";
      readonly router: string;
      readonly name: string;
      readonly vrf: string;
    }
  | { readonly at: "dropped"; readonly why: string };

interface Entry {
  readonly prefix: string;
  readonly preference: number;
  readonly zone: string | null;
  readonly to: { readonly end: End } | { readonly tunnel: TunnelConfig };
}

const inside = (prefix: string, address: string) => contains(prefixOf(prefix), prefixOf(hostPrefix(address)));
const dropped = (why: string): End => ({ at: "dropped", why });

export class Network {
  readonly routers: ReadonlyMap<string, RouterConfig>;
  readonly #tables = new Map<string, Entry[]>();
  readonly #ends = new Map<string, readonly [string, TunnelConfig]>();

  constructor(compiled: ReadonlyMap<string, Parts>) {
    this.routers = new Map([...compiled].map(([id, parts]) => [id, assemble(parts, null)]));
    for (const [id, config] of this.routers) {
      for (const { name, addresses, local } of config.vrfs) {
        this.#tables.set(`${id} ${name}`, [
          ...addresses.map((address) => entry(`${address}/32`, { at: "router", router: id, name: id, vrf: name })),
          ...local.map((prefix) => entry(prefix, { at: "lan", router: id, name: id, vrf: name })),
        ]);
      }
      for (const { name, vrf, local } of config.attachments) {
        this.#tables
          .get(`${id} ${vrf}`)!
          .push(...local.map((prefix) => entry(prefix, { at: "attachment", router: id, name, vrf })));
      }
      for (const tunnel of config.tunnels) {
        const table = this.#tables.get(`${id} ${tunnel.vrf}`)!;
        table.push(...tunnel.routes.map((route) => ({ ...route, to: { tunnel } })));
        this.#ends.set(wire(tunnel.local.identity.value, tunnel.peer.identity.value), [id, tunnel]);
      }
    }
  }

  /** The other end of a tunnel, where both ends prove what the other expects; a sentence when they do not. */
  peerOf(tunnel: TunnelConfig): readonly [string, TunnelConfig] | string {
    const found = this.#ends.get(wire(tunnel.peer.identity.value, tunnel.local.identity.value));
    if (!found) return `nobody is ${tunnel.peer.identity.value} towards ${tunnel.local.identity.value}`;
    const [, other] = found;
    if (other.vrf !== tunnel.vrf) return `${tunnel.name} joins VRF ${tunnel.vrf} and ${other.vrf}`;
    const begins = [tunnel, other].filter(({ start }) => start === "initiate");
    if (begins.length !== 1 || begins[0].peer.address === null)
      return `${tunnel.name} does not begin at exactly one end`;
    for (const [mine, theirs] of [
      [tunnel, other],
      [other, tunnel],
    ]) {
      const name = theirs.local.identity.value.replace(`${theirs.vrf}.`, "");
      if (mine.auth.kind !== "certificate" || mine.auth.peer !== name)
        return `${mine.name} expects another certificate`;
    }
    return found;
  }

  /** Where a packet ends that an edge sends into its tunnel to this gateway, whatever its own tables say. */
  walkFromEdge(edge: string, gateway: string, vrf: string, from: string, to: string): End {
    const tunnel = this.routers.get(gateway)!.tunnels.find(({ name }) => name === edge)!;
    if (!tunnel.children.some(({ remote }) => remote.some((prefix) => inside(prefix, from))))
      return dropped("selectors");
    return this.walk(gateway, vrf, from, to, tunnel.zone);
  }

  /** Where a packet ends that comes to this router, in this VRF; `entered`: out of a tunnel of this zone, else from a LAN or an attachment. */
  walk(router: string, vrf: string, from: string, to: string, entered: string | null = null): End {
    let here = router;
    let zone = entered;
    for (let hops = 0; hops < 8; hops++) {
      const holding = (this.#tables.get(`${here} ${vrf}`) ?? []).filter(({ prefix }) => inside(prefix, to));
      if (holding.length === 0) return dropped("no route");
      const longest = Math.max(...holding.map(({ prefix }) => prefixOf(prefix).length));
      const candidates = holding.filter(({ prefix }) => prefixOf(prefix).length === longest);
      const best = Math.min(...candidates.map(({ preference }) => preference));
      const [route, second] = candidates.filter(({ preference }) => preference === best);
      if (second) throw new Error(`${to} has two best routes at ${here}: ${JSON.stringify([route.to, second.to])}`);
      if (zone !== null && zone === route.zone) return dropped("zone");
      if ("end" in route.to) return route.to.end;
      const { tunnel } = route.to;
      const peer = this.peerOf(tunnel);
      if (typeof peer === "string") throw new Error(peer);
      const [next, other] = peer;
      const carried = (side: "local" | "remote", back: "local" | "remote", address: string) =>
        tunnel.children.some((child) => child[side].some((prefix) => inside(prefix, address))) &&
        other.children.some((child) => child[back].some((prefix) => inside(prefix, address)));
      if (!carried("local", "remote", from) || !carried("remote", "local", to)) return dropped("selectors");
      here = next;
      zone = other.zone;
    }
    throw new Error(`a packet from ${from} to ${to} goes round for ever`);
  }
}

function entry(prefix: string, end: End): Entry {
  return { prefix, preference: 0, zone: null, to: { end } };
}

function wire(from: string, to: string): string {
  return `${from} ${to}`;
}
