/** tcpdump inside a namespace, into a file, and the questions that the lab asks of such files. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Daemon, START } from "./daemon.ts";
import { LabFault } from "./fault.ts";
import { type CapturedPacket, intruder, parsePcap } from "./pcap.ts";
import type { LabState } from "./state.ts";

/**
 * Lets through what must not be there, or might not: everything but IKE, ESP-in-UDP and ARP. What belongs to the link
 * itself (ICMPv6 neighbour discovery, MLD) passes too and is sorted out when the file is read. Unfragmented only: an
 * IP fragment has no ports and is always caught.
 */
export const NOT_TUNNEL = "not (udp port 500 or udp port 4500 or arp)";

export class Capture {
  readonly file: string;
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon, file: string) {
    this.#daemon = daemon;
    this.file = file;
  }

  /**
   * Begins a capture on all interfaces of a namespace; returns when it listens. `filter` is in tcpdump's language. `snap`: bytes kept of a
   * packet, 0 for all; the fewer, the more packets fit into the kernel's buffer.
   */
  static async start(state: LabState, name: string, namespace: string, filter = "", snap = 0): Promise<Capture> {
    const file = join(state.folder, `${name}.pcap`);
    // --immediate-mode and -U: a packet is in the file at once, and none waits in the kernel when tcpdump is ended; -B: 16 MiB of kernel buffer; -Z root: tcpdump else gives up root before it
    // opens the file, which lies in a folder for root alone.
    const argv = [
      "tcpdump",
      "-i",
      "any",
      "-n",
      "--immediate-mode",
      "-U",
      "-s",
      String(snap),
      "-B",
      "16384",
      "-Z",
      "root",
      "-w",
      file,
    ];
    if (filter !== "") argv.push(filter);
    const daemon = Daemon.start({ state, what: `capture ${name}`, namespace, argv });
    await daemon.until(() => /listening on/.test(daemon.said()) && existsSync(file), "it listened", START, 10);
    return new Capture(daemon, file);
  }

  /** Waits until nothing was added for `quietMs`, then ends tcpdump. Fault `capture-failed` when packets were missed. */
  async stop(quietMs = 150): Promise<void> {
    let size = -1;
    for (let tries = 0; tries < 40; tries++) {
      const now = statSync(this.file).size;
      if (now === size) break;
      size = now;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    this.#daemon.signal("SIGINT");
    await this.#daemon.stop(3000);
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.#daemon.said());
    if (!dropped) throw new LabFault("capture-failed", `tcpdump gave no summary; see ${this.#daemon.log}.`);
    if (dropped[1] !== "0") {
      throw new LabFault(
        "capture-failed",
        `The capture ${this.file} missed ${dropped[1]} packets, so it proves nothing.`,
      );
    }
  }

  packets(): CapturedPacket[] {
    return parsePcap(readFileSync(this.file));
  }

  /** Packets that do not belong on the internet side, each kind once. */
  intruders(): string[] {
    return [
      ...new Set(
        this.packets()
          .map(intruder)
          .filter((name) => name !== undefined),
      ),
    ];
  }

  /** Whether these bytes occur anywhere in the file. */
  sees(bytes: Uint8Array): boolean {
    return readFileSync(this.file).includes(bytes);
  }
}
