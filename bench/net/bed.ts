/**
 * The bench's topology: two routers and a host behind each, in namespaces of their own, on veth.
 *
 *   lan-a ──── a ──── b ──── lan-b
 *   10.1.0.2  lan wan    wan lan  10.2.0.2
 *             198.18.0.1   198.18.0.2          (RFC 2544: addresses for benchmarks)
 *
 * It goes by the name "bench" in the lab's records: `vcpe lab down --name bench` removes what a killed one left.
 */
import { availableParallelism } from "node:os";
import { attempt, inside, run } from "../../src/lab/command.ts";
import { namespaceOf } from "../../src/lab/lab.ts";
import type { Plan } from "../../src/lab/plan.ts";
import { LabState, sweep } from "../../src/lab/state.ts";
import { build } from "../../src/lab/topology.ts";

export type Place = "lan-a" | "a" | "b" | "lan-b";
export const WAN = { a: "198.18.0.1", b: "198.18.0.2" } as const;
export const LAN = { a: "10.1.0.0/24", b: "10.2.0.0/24" } as const;
export const HOST = { a: "10.1.0.2", b: "10.2.0.2" } as const;

const PLAN: Plan = {
  places: [
    { name: "lan-a", role: "host", title: "host behind a" },
    { name: "a", role: "peer", title: "router a" },
    { name: "b", role: "peer", title: "router b" },
    { name: "lan-b", role: "host", title: "host behind b" },
  ],
  links: [
    {
      ends: [
        { place: "a", device: "lan", addresses: ["10.1.0.1/24"] },
        { place: "lan-a", device: "eth0", addresses: ["10.1.0.2/24"] },
      ],
    },
    {
      ends: [
        { place: "a", device: "wan", addresses: ["198.18.0.1/30"] },
        { place: "b", device: "wan", addresses: ["198.18.0.2/30"] },
      ],
    },
    {
      ends: [
        { place: "b", device: "lan", addresses: ["10.2.0.1/24"] },
        { place: "lan-b", device: "eth0", addresses: ["10.2.0.2/24"] },
      ],
    },
  ],
  routes: [
    { place: "lan-a", to: "0.0.0.0/0", via: "10.1.0.1" },
    { place: "lan-b", to: "0.0.0.0/0", via: "10.2.0.1" },
  ],
};

export class Bed {
  readonly state: LabState;
  readonly signal: AbortSignal;

  private constructor(state: LabState, signal: AbortSignal) {
    this.state = state;
    this.signal = signal;
  }

  /** Removes what stood there before under this name, and draws. */
  static async draw(name: string, signal: AbortSignal): Promise<Bed> {
    await sweep(name);
    const bed = new Bed(new LabState(name, signal), signal);
    try {
      await build({ state: bed.state, plan: PLAN, namespace: (place) => bed.namespace(place as Place), signal });
      return bed;
    } catch (fault) {
      await bed.down();
      throw fault;
    }
  }

  namespace(place: Place): string {
    return namespaceOf(this.state.lab, place);
  }

  /** Runs a program at a place to its end; its standard output. */
  at(place: Place, ...argv: string[]): Promise<string> {
    return run(inside(this.namespace(place), argv), { signal: this.signal });
  }

  /** GRO with UDP forwarding at both LAN interfaces, on or off, the same for every system. */
  async offload(on: boolean): Promise<void> {
    for (const place of ["a", "b"] as const) {
      const word = on ? "on" : "off";
      await this.at(place, "ethtool", "-K", "lan", "gro", word);
      const udp = await attempt(inside(this.namespace(place), ["ethtool", "-K", "lan", "rx-udp-gro-forwarding", word]));
      if (udp.code !== 0 && on) throw new Error(`this kernel has no rx-udp-gro-forwarding: ${udp.stderr.trim()}`);
      const values = on ? [100_000, 2] : [0, 0];
      await this.at(
        place,
        "sh",
        "-c",
        `echo ${values[0]} > /sys/class/net/lan/gro_flush_timeout && echo ${values[1]} > /sys/class/net/lan/napi_defer_hard_irqs`,
      );
    }
  }

  /** Ends everything and removes it. Safe to call twice. */
  async down(): Promise<void> {
    await sweep(this.state.lab);
  }
}

/** CPUs that a place's programs are bound to when pinned: side a and side b share nothing where there are two or more. */
export function cpuOf(place: Place): string {
  const count = availableParallelism();
  const order: Record<Place, number> = { a: 0, b: 1, "lan-a": 2, "lan-b": 3 };
  return String((order[place] % Math.min(count, 4)) % count);
}

/** Binds all threads of a process to a list of CPUs ("0", "0-1"). */
export async function bind(pid: number, cpus: string): Promise<void> {
  await run(["taskset", "-a", "-c", "-p", cpus, String(pid)]);
}

export function allCpus(): string {
  return `0-${availableParallelism() - 1}`;
}
