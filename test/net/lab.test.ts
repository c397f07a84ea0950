/** `vcpe lab --static` as a person runs it. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LabReport } from "../../src/lab/checks.ts";
import { attempt } from "../../src/lab/command.ts";
import { namespaceOf } from "../../src/lab/lab.ts";
import { PLAN } from "../../src/lab/plan.ts";
import { labFolder } from "../../src/lab/state.ts";
import { ENTRY } from "./entry.ts";
import { seconds, swept } from "./region.ts";
import { asRoot } from "./root.ts";
import { watchStretch } from "./stretch.ts";

const name = `c${process.pid}`;

function expectNothingLeft(): void {
  expect(existsSync(labFolder(name))).toBe(false);
  for (const place of PLAN.places) expect(existsSync(`/run/netns/${namespaceOf(name, place.name)}`)).toBe(false);
}

describe.skipIf(!asRoot("vcpe lab --static"))("vcpe lab --static", () => {
  const vcpe = (...args: string[]) => attempt([...ENTRY, "lab", ...args], { timeoutMs: 300_000 });

  swept(name);

  it("passes every check, says so in JSON, and can be kept", async () => {
    const stretch = watchStretch();
    const done = await vcpe("--static", "--json", "--once", "--seconds", "1", "--keep", "--name", name);
    expect(done.stdout.trim().split("\n"), done.stderr).toHaveLength(1);
    const report = JSON.parse(done.stdout) as LabReport;
    expect(Object.keys(report)).toEqual(["checks", "traffic"]);
    for (const check of report.checks) {
      expect(Object.keys(check)).toEqual(["name", "ok", "detail"]);
      expect(check.ok, `${check.name}: ${check.detail}\n${done.stderr}`).toBe(true);
    }
    const names = report.checks.map((check) => check.name);
    for (const pair of ["branch-a→vpc", "branch-b→vpc", "branch-a→branch-b"]) {
      for (const family of ["ipv4", "ipv6"]) {
        for (const kind of ["ping", "tcp", "udp"]) expect(names).toContain(`${kind} ${pair} ${family}`);
      }
    }
    expect(report.traffic).toHaveLength(12);
    for (const row of report.traffic) {
      expect(Object.keys(row)).toEqual(["name", "mbps", "lossPct"]);
      console.log(`${row.name}: ${row.mbps} Mbit/s, ${row.lossPct} % lost`);
    }
    expect(done.code).toBe(0);
    const limit = 60_000 * stretch();
    console.log(
      `vcpe lab --static --once --seconds 1 took ${seconds(done.ms)}; with what others have of this machine ${seconds(limit)} will do`,
    );
    expect(done.ms).toBeLessThan(limit);

    const pinged = await vcpe("exec", "--name", name, "branch-a", "--", "ping", "-c", "2", "-w", "20", "10.100.0.2");
    expect(pinged.stdout, pinged.stderr).toContain("2 received");
    expect((await vcpe("exec", "--name", name, "branch-a", "--", "sh", "-c", "exit 7")).code).toBe(7);
    // vcpe need not be on PATH.
    expect((await vcpe("exec", "--name", name, "branch-a", "--", "vcpe", "version")).stdout).toMatch(
      /^\d+\.\d+\.\d+\n$/,
    );
    const nowhere = await vcpe("exec", "--name", name, "branch-z", "--", "true");
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toContain("branch-b-lan");

    const told = await vcpe("status", "--name", name);
    expect(told.stdout).toMatch(/branch-a +to-gateway +up +2001:db8:100::1 port 4500/);
    expect(told.stdout).toMatch(/gw +to-branch-b +up +203\.0\.113\.6 port \d+/);

    const down = await vcpe("down", "--name", name);
    expect(down.stdout).toContain(`removed ${PLAN.places.length} namespaces`);
    expectNothingLeft();
    expect((await vcpe("down", "--name", name)).stdout).toContain("nothing was left");
    expect((await vcpe("status", "--name", name)).stderr).toContain("lab-absent");
  }, 400_000);

  it("leaves nothing when it is interrupted on the way up", async () => {
    const [program, ...args] = [...ENTRY, "lab", "--static", "--name", name];
    const child = spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const drawn = new Promise<void>((resolve) => {
      child.stdout.on("data", (text: Buffer) => {
        said += text.toString();
        if (said.includes("topology")) resolve();
      });
      child.on("exit", () => resolve());
    });
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    await drawn;
    expect(said).toContain("topology");
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expectNothingLeft();
  });
});
