/** The tunnels as next hops: their MTU, their zones, the rate that they are held to. Their Child SAs are in childsas. */

import { ADJ_TUNNEL } from "../../assembly/layout.ts";
import type { Adjacencies } from "./adjacency.ts";
import type { ChildSas } from "./childsas.ts";
import type { Commands } from "./commands.ts";
import { PlaneError } from "./error.ts";
import type { ShapeTraffic } from "./plane.ts";
import type { Shapes } from "./shapes.ts";

export interface TunnelsParts {
  readonly adjacencies: Adjacencies;
  readonly shapes: Shapes;
  readonly children: ChildSas;
  /** One for each worker. */
  readonly commands: readonly Commands[];
}

export class Tunnels {
  readonly #parts: TunnelsParts;

  constructor(parts: TunnelsParts) {
    this.#parts = parts;
  }

  /** Its adjacency. `mtu`: bytes of an inner packet; `zone`: 0 none. @throws PlaneError full */
  add(mtu: number, zone: number): number {
    return this.#parts.adjacencies.add(ADJ_TUNNEL, { mtu, zone });
  }

  setZone(adjacency: number, zone: number): void {
    this.#parts.adjacencies.setOrigin(adjacency, zone);
  }

  addHop(adjacency: number, zone: number): number {
    return this.#parts.adjacencies.addHop(adjacency, zone);
  }

  removeHop(hop: number): void {
    this.#parts.adjacencies.removeHop(hop);
  }

  setMtu(adjacency: number, mtu: number): void {
    this.#parts.adjacencies.setMtu(adjacency, mtu);
  }

  /** @throws PlaneError unknown; in-use: it has Child SAs */
  remove(adjacency: number): void {
    const { adjacencies, children, shapes } = this.#parts;
    adjacencies.check(adjacency, ADJ_TUNNEL);
    const left = children.count(adjacency);
    if (left > 0) throw new PlaneError("in-use", `The tunnel still has ${left} Child SAs; remove them first.`);
    adjacencies.remove(adjacency, ADJ_TUNNEL);
    shapes.forget(adjacency);
  }

  /** Bits per second, of inner packets by their IP length; undefined: no limit. @throws PlaneError unknown, and as Shapes.set */
  setShape(adjacency: number, bitsPerSecond: number | undefined): void {
    const { adjacencies, shapes, commands } = this.#parts;
    adjacencies.check(adjacency, ADJ_TUNNEL);
    shapes.set(adjacency, bitsPerSecond);
    for (const one of commands) one.nudge();
  }

  /** @throws PlaneError unknown */
  shape(adjacency: number): ShapeTraffic | undefined {
    this.#parts.adjacencies.check(adjacency, ADJ_TUNNEL);
    return this.#parts.shapes.traffic(adjacency);
  }
}
