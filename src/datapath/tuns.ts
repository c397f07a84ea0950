/** The TUN devices of the datapath: for each a queue a worker, and the VRF that its packets belong to. */

import { G_TUN_FLAGS, G_TUN_VRFS, MAX_TUNS } from "../../assembly/layout.ts";
import { closeTun, type TunQueue } from "../linux/tun.ts";
import type { Commands } from "./commands.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";
import type { Offloads } from "./offload.ts";

export class Tuns {
  readonly #memory: PlaneMemory;
  /** One for each worker. */
  readonly #commands: readonly Commands[];
  readonly #offloads: Offloads;
  /** By index; undefined: free. */
  readonly #queues: (readonly TunQueue[] | undefined)[] = new Array(MAX_TUNS).fill(undefined);

  constructor(memory: PlaneMemory, commands: readonly Commands[], offloads: Offloads) {
    this.#memory = memory;
    this.#offloads = offloads;
    this.#commands = commands;
  }

  /**
   * Makes the device, down and without an address; its index.
   *
   * @throws LinuxError not-permitted, no-tun, exists, invalid; PlaneError full
   */
  add(name: string, vrf: number): number {
    const index = this.#queues.indexOf(undefined);
    if (index < 0) throw new PlaneError("full", `All ${MAX_TUNS} TUN devices of this process are in use.`);
    const { queues, flags } = this.#offloads.openTun(name, this.#commands.length);
    this.#memory.view.setUint32(G_TUN_VRFS + index * 4, vrf, true);
    this.#memory.view.setUint32(G_TUN_FLAGS + index * 4, flags, true);
    this.#queues[index] = queues;
    this.#commands.forEach((commands, worker) => {
      commands.setTun(index, queues[worker].fd);
    });
    return index;
  }

  /** Takes the device away from the workers, then from the kernel. @throws PlaneError unknown; worker (it does not answer) */
  remove(index: number): void {
    const queues = this.#queues[index];
    if (queues === undefined) throw new PlaneError("unknown", `There is no TUN device ${index}.`);
    for (const commands of this.#commands) commands.setTun(index, -1);
    // A descriptor that a worker may still use is not closed: its number could be another file's the next moment.
    if (!this.#commands.every((commands) => commands.settle())) {
      throw new PlaneError("worker", "A worker of the datapath does not answer; close the datapath and open it anew.");
    }
    for (const queue of queues) closeTun(queue);
    this.#queues[index] = undefined;
  }

  /** Devices in use. */
  get used(): number {
    return this.#queues.reduce((count, queues) => (queues === undefined ? count : count + 1), 0);
  }

  /** Closes all; no worker runs any more. */
  close(): void {
    for (const queues of this.#queues) for (const queue of queues ?? []) closeTun(queue);
    this.#queues.fill(undefined);
  }
}
