/**
 * Which offloads the datapath uses: what the caller allows, less what this kernel turns out not to know.
 *
 *   tso, uso   large TCP and UDP packets come out of a TUN device uncut
 *   gso, gro   runs of equal datagrams are sent and received as one message
 *   coalesce   packets of a flow are put together before they are written to a TUN device
 *
 * Each is tried when its device or socket is opened, used if the kernel takes it, and left out with the reason if not.
 */

import { release } from "node:os";
import { TUN_COALESCE_TCP, TUN_COALESCE_UDP, TUN_VNET } from "../../assembly/layout.ts";
import {
  closeTun,
  openTun,
  setTunOffload,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_USO4,
  TUN_F_USO6,
  type TunQueue,
} from "../linux/tun.ts";
import { setGro } from "../linux/udp.ts";

export const OFFLOADS = ["tso", "uso", "gso", "gro", "coalesce"] as const;
export type Offload = (typeof OFFLOADS)[number];

/** What may be used. */
export type OffloadChoice = Readonly<Record<Offload, boolean>>;

export const ALL_OFFLOADS: OffloadChoice = { tso: true, uso: true, gso: true, gro: true, coalesce: true };

/** Why a kernel of this release must not be given UDP_SEGMENT; undefined: it may. */
export function gsoFault(kernel: string): string | undefined {
  // Runs whose datagrams are all of one size leave mangled there.
  return /^7\.[01](\D|$)/.test(kernel) ? `Linux ${kernel} mangles runs of equal datagrams` : undefined;
}

export class Offloads {
  /** "on", or why not. */
  readonly #states: Record<Offload, string>;

  constructor(choice: OffloadChoice, kernel: string = release()) {
    const state = (offload: Offload): string => (choice[offload] ? "on" : "off: by configuration");
    const fault = gsoFault(kernel);
    this.#states = {
      tso: state("tso"),
      uso: state("uso"),
      gso: choice.gso && fault !== undefined ? `off: ${fault}` : state("gso"),
      gro: state("gro"),
      coalesce: state("coalesce"),
    };
  }

  /** "on", or "off: " and why. */
  states(): Record<Offload, string> {
    return { ...this.#states };
  }

  isOn(offload: Offload): boolean {
    return this.#states[offload] === "on";
  }

  /** An offload that was tried and refused. */
  refused(offload: Offload, why: string): void {
    if (this.isOn(offload)) this.#states[offload] = `off: ${why}`;
  }

  /**
   * Opens the queues of a TUN device with as much as it takes; `flags`: TUN_* of the memory map.
   *
   * @throws LinuxError as openTun; nothing is left open
   */
  openTun(name: string, queues: number): { readonly queues: TunQueue[]; readonly flags: number } {
    const vnetHeader = this.isOn("tso") || this.isOn("uso") || this.isOn("coalesce");
    const opened: TunQueue[] = [];
    try {
      while (opened.length < queues) opened.push(openTun({ name, multiQueue: queues > 1, vnetHeader }));
    } catch (error) {
      for (const queue of opened) closeTun(queue);
      throw error;
    }
    return { queues: opened, flags: vnetHeader ? this.#prepare(opened) : 0 };
  }

  #prepare(queues: readonly TunQueue[]): number {
    const every = (flags: number): boolean => queues.every((queue) => setTunOffload(queue, flags));
    // Asked even when it is not to be used: a kernel that knows USO is one that takes UDP superpackets.
    const knowsUso = every(TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);
    if (!knowsUso) this.refused("uso", "this kernel has none (Linux 6.2 and later)");
    const large = (this.isOn("tso") ? TUN_F_TSO4 | TUN_F_TSO6 : 0) | (this.isOn("uso") ? TUN_F_USO4 | TUN_F_USO6 : 0);
    if (!every(large === 0 ? 0 : TUN_F_CSUM | large)) {
      every(0);
      for (const offload of ["tso", "uso"] as const) this.refused(offload, "the TUN device refuses it");
    }
    if (!this.isOn("coalesce")) return TUN_VNET;
    return TUN_VNET | TUN_COALESCE_TCP | (knowsUso ? TUN_COALESCE_UDP : 0);
  }

  /** Makes a UDP socket hand over runs of datagrams. */
  prepareSocket(fd: number): void {
    if (this.isOn("gro") && !setGro(fd)) this.refused("gro", "this kernel has none (Linux 5.0 and later)");
  }
}
