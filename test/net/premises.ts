/** Namespaces, wires and routers of a test's own, smaller than the lab's region; all gone when the test is over, failed or not. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { attempt, inside, run } from "../../src/lab/command.ts";
import { ROUTER_ROOT } from "../../src/lab/state.ts";
import { type RouterStatus, status } from "../../src/lab/status.ts";
import { ENTRY } from "./entry.ts";
import { eventually, untilAnswered } from "./region.ts";

/** One end of a wire: the space, and the addresses that its interface gets ("10.1.0.1/24"). */
export interface End {
  readonly space: string;
  readonly device: string;
  readonly addresses: readonly string[];
}

export class RouterProcess {
  readonly name: string;
  readonly child: ChildProcess;
  said = "";

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.said += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said += text;
    });
  }

  /** Undefined while it does not answer. */
  async status(): Promise<RouterStatus | undefined> {
    const now = await status(this.name).catch(() => undefined);
    return now?.pid === this.child.pid ? now : undefined;
  }

  /** Waits until its tunnels are up, or those that are named, and its attachments. */
  async up(tunnels?: readonly string[]): Promise<RouterStatus> {
    return eventually(
      () => `${this.name} is up; it says:\n${this.said}`,
      async () => {
        if (this.child.exitCode !== null) throw new Error(`${this.name} has ended:\n${this.said}`);
        const now = await this.status();
        const tunnelsUp = now?.tunnels.every(
          ({ name, state }) => state === "up" || (tunnels !== undefined && !tunnels.includes(name)),
        );
        return tunnelsUp && now?.attachments.every(({ state }) => state === "up") ? now : undefined;
      },
      120_000,
    );
  }

  /** Tells it to end, or kills it; resolves when it is gone. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill("SIGKILL"), 8000);
    await gone;
    clearTimeout(late);
  }
}

export class Premises {
  readonly stem = `vcpe-${randomBytes(3).toString("hex")}`;
  readonly #spaces = new Set<string>();
  readonly #routers: RouterProcess[] = [];
  readonly #names = new Set<string>();
  readonly #folder = mkdtempSync(join(tmpdir(), "vcpe-premises-"));

  /** Full name of a namespace. */
  space(name: string): string {
    return `${this.stem}-${name}`;
  }

  async addSpaces(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.#spaces.add(name);
      await run(["ip", "netns", "add", this.space(name)]);
      await this.ip(name, "link", "set", "lo", "up");
    }
  }

  async deleteSpace(name: string): Promise<void> {
    await run(["ip", "netns", "delete", this.space(name)]);
    this.#spaces.delete(name);
  }

  ip(name: string, ...words: readonly string[]): Promise<string> {
    return run(["ip", "-n", this.space(name), ...words]);
  }

  in(name: string, ...argv: readonly string[]): Promise<string> {
    return run(inside(this.space(name), argv));
  }

  /** A veth pair. */
  async wire(a: End, b: End): Promise<void> {
    await this.ip(a.space, "link", "add", a.device, "type", "veth", "peer", b.device, "netns", this.space(b.space));
    for (const { space, device, addresses } of [a, b]) {
      for (const address of addresses) await this.ip(space, "address", "add", address, "dev", device);
      await this.ip(space, "link", "set", device, "up");
    }
  }

  /** A host of its own on a wire to `router`, which is its default gateway with the first address of the network "10.1.0": .1, .2. */
  async host(name: string, router: string, device: string, network: string): Promise<void> {
    await this.addSpaces(name);
    await this.wire(
      { space: router, device, addresses: [`${network}.1/24`] },
      { space: name, device: "eth0", addresses: [`${network}.2/24`] },
    );
    await this.ip(name, "route", "add", "default", "via", `${network}.1`);
  }

  /** Name of a router, "edge-a" → "edge-a-vcpe-…"; "{name}" in its file stands for it. */
  start(space: string, role: "edge" | "gateway", file: string): RouterProcess {
    const name = `${space}-${this.stem}`;
    this.#names.add(name);
    const path = join(this.#folder, `${space}.yaml`);
    writeFileSync(path, file.replaceAll("{name}", name).replaceAll("{stem}", this.stem), { mode: 0o600 });
    const argv = inside(this.space(space), [...ENTRY, role, "-c", path, "--state", join(this.#folder, "kept")]);
    const router = new RouterProcess(name, spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "pipe"] }));
    this.#routers.push(router);
    return router;
  }

  /** Echo requests that this host has received. */
  async echoes(name: string): Promise<number> {
    const text = await this.in(name, "cat", "/proc/net/snmp");
    const [heads, values] = text.split("\n").filter((line) => line.startsWith("Icmp:"));
    return Number(values!.split(" ")[heads!.split(" ").indexOf("InEchos")]);
  }

  /** Is one ping of `from` answered? One packet and no more; a machine that is busy may bring its answer late. */
  async reaches(from: string, address: string, waitSeconds = 5): Promise<boolean> {
    const argv = ["ping", "-n", "-c", "1", "-W", String(waitSeconds), address];
    return (await attempt(inside(this.space(from), argv))).code === 0;
  }

  /** Pings ten times a second until one is answered. Fault `command-timeout`. */
  async answered(from: string, address: string, withinMs = 90_000): Promise<true> {
    return untilAnswered(this.space(from), address, withinMs);
  }

  async close(): Promise<void> {
    for (const router of this.#routers) await router.end();
    for (const name of this.#spaces) await attempt(["ip", "netns", "delete", this.space(name)]);
    for (const name of this.#names) rmSync(join(ROUTER_ROOT, name), { recursive: true, force: true });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Premises that are cleared after the tests of this file. */
export function premises(): Premises {
  const made = new Premises();
  afterAll(() => made.close());
  return made;
}
