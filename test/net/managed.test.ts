/** A managed edge as an operator starts it: real processes, the real datapath, a console over real TLS. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkPortFree } from "../../src/linux/udp.ts";
import { RUN_FOLDER } from "../../src/router/places.ts";
import { ask } from "../../src/router/status/client.ts";
import type { RouterStatus } from "../../src/router/status/schema.ts";
import { partsOf } from "../unit/agent/parts.ts";
import { bed, temporary, until } from "../unit/console/fleet/bed.ts";
import { ENTRY } from "./entry.ts";
import { asRoot } from "./root.ts";

const SERIAL = `vcpe${randomBytes(6).toString("hex")}`;
const running: ChildProcess[] = [];

describe.skipIf(!asRoot("a managed edge"))("a managed edge", () => {
  afterAll(() => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(join(RUN_FOLDER, SERIAL), { recursive: true, force: true });
  });
  const state = join(temporary(), "agent");

  function vcpe(argv: readonly string[], environment: Record<string, string> = {}) {
    return new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { ...process.env, ...environment };
      const options = { env, timeout: 60_000 };
      execFile(ENTRY[0], [...ENTRY.slice(1), ...argv], options, (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, out, err }),
      ).stdin?.end();
    });
  }

  function edge(): ChildProcess {
    const argv = [...ENTRY.slice(1), "edge", "--serial", SERIAL, "--state", state];
    const child = spawn(ENTRY[0], argv, { stdio: "ignore" });
    running.push(child);
    return child;
  }

  /** The first of so many UDP ports in a row that nobody has: below those that the kernel gives out, so it gives out none of them. */
  function freePorts(count: number): number {
    for (let tries = 0; tries < 100; tries++) {
      const first = randomInt(20_000, 30_000);
      try {
        for (let port = first; port < first + count; port++) checkPortFree({ family: 4, port });
        return first;
      } catch {
        // Somebody has one of them.
      }
    }
    throw new Error("no free ports");
  }

  /** A router that needs no device and no well-known port. */
  function parts(natPort: number): Record<string, unknown> {
    const { head, "vrf/main": vrf } = partsOf(SERIAL);
    const outer = { ipv4: "127.0.0.1", ipv6: null, ikePort: natPort + 1, natPort };
    return { head: { ...(head as object), outer }, "vrf/main": vrf };
  }

  async function status(holds: (status: RouterStatus) => boolean): Promise<RouterStatus> {
    const end = performance.now() + 90_000;
    for (;;) {
      const now = await ask<RouterStatus>(SERIAL, "GET", "/status").catch(() => undefined);
      if (now && holds(now)) return now;
      if (performance.now() > end) throw new Error(`still not: ${holds}; ${JSON.stringify(now?.managed)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  it("joins, runs, comes back after kill -9 without the console, and restarts itself where it must", async () => {
    const folder = temporary();
    const console = await bed({ folder });
    console.desk.device(SERIAL, 1);
    const key = console.fleet.newKey(SERIAL);
    const flags = ["join", "--console", console.url.origin, "--serial", SERIAL, "--state", state];

    const typo = `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`;
    const wrong = await vcpe(flags, { VCPE_KEY: typo });
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain("typing error");
    expect(wrong.err).not.toContain(typo);
    const none = await vcpe(["edge", "--serial", SERIAL, "--state", state]);
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining("vcpe join --console URL") });
    const pin = ["--ca", console.authority.fingerprint];
    const joined = await vcpe([...flags, ...pin], { VCPE_KEY: key });
    expect(joined).toMatchObject({ code: 0, out: expect.stringContaining(`vcpe edge --serial ${SERIAL}`) });
    const identity = join(state, SERIAL, "identity.json");
    expect(statSync(identity).mode & 0o777).toBe(0o600);

    const port = freePorts(4);
    console.desk.set([SERIAL, parts(port)]);
    const first = edge();
    const version = console.desk.revision;
    const up = await status(({ managed }) => managed?.connected === true && managed.applied === version);
    expect(up.managed).toMatchObject({ console: console.url.origin, trouble: null, refused: null });
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    const shown = await vcpe(["status", "--name", SERIAL]);
    expect(shown.out).toContain(`console ${console.url.origin}: connected`);
    const reload = await vcpe(["reload", "--name", SERIAL]);
    expect(reload.code).toBe(1);
    expect(reload.err).toContain("the console decides");

    await console.close();
    await status(({ managed }) => managed?.connected === false);
    first.kill("SIGKILL");
    await until(() => first.signalCode !== null);
    const second = edge();
    const alone = await status(({ pid }) => pid === second.pid);
    expect(alone.managed).toMatchObject({ connected: false, applied: version });

    // The ports of a router cannot change while it runs.
    console.desk.set([SERIAL, parts(port + 2)]);
    const back = await bed({ folder, desk: console.desk, port: Number(console.url.port) });
    const moved = await status(({ managed }) => managed?.applied === console.desk.revision);
    expect(moved.pid).toBe(second.pid);
    await until(() => back.fleet.observed(SERIAL)?.sync === "synchronized");
    const busy = await vcpe(["leave", "--serial", SERIAL, "--state", state]);
    expect(busy.err).toContain("End it first");
    second.kill("SIGTERM");
    await until(() => second.exitCode !== null);
    expect(second.exitCode).toBe(0);
    expect((await vcpe(["leave", "--serial", SERIAL, "--state", state])).code).toBe(0);
    expect(existsSync(identity)).toBe(false);
  });
});
