/** `vcpe lab`, the tutorial, as a person runs it. */
import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { attempt } from "../../src/lab/command.ts";
import { namespaceOf } from "../../src/lab/lab.ts";
import { alive, type ProcessMark } from "../../src/lab/process.ts";
import { labFolder, ROUTER_ROOT, recorded } from "../../src/lab/state.ts";
import { TUTORIAL } from "../../src/lab/tutorial/plan.ts";
import type { TutorialReport } from "../../src/lab/tutorial/tutorial.ts";
import { ENTRY } from "./entry.ts";
import { seconds, swept } from "./region.ts";
import { asRoot } from "./root.ts";
import { watchStretch } from "./stretch.ts";

const name = `t${process.pid}`;

/** Branch hosts × servers and branch hosts among each other, of the first customer; by ping, TCP and UDP. */
const TO_SERVERS = 2 * 2 * 3;
const BETWEEN = 2 * 3;

describe.skipIf(!asRoot("the tutorial"))("vcpe lab", () => {
  swept(name);

  it("performs the tutorial, says in JSON that all of it went well, and leaves nothing", async () => {
    const seen = { processes: new Map<number, ProcessMark>(), routers: new Set<string>() };
    const look = setInterval(() => {
      const record = recorded(name);
      for (const mark of record?.processes ?? []) seen.processes.set(mark.pid, mark);
      for (const router of record?.routers ?? []) seen.routers.add(router);
    }, 200);
    const argv = [...ENTRY, "lab", "--json", "--once", "--seconds", "1", "--name", name];
    const stretch = watchStretch();
    const done = await attempt(argv, { timeoutMs: 900_000 }).finally(() => clearInterval(look));

    expect(done.stdout.split("\n"), done.stderr).toHaveLength(2);
    const report = JSON.parse(done.stdout) as TutorialReport;
    expect(Object.keys(report)).toEqual(["steps", "access", "checks", "traffic"]);
    for (const row of report.steps) expect(Object.keys(row)).toEqual(["name", "ok", "ms"]);
    for (const row of report.access) expect(Object.keys(row)).toEqual(["from", "to", "kind", "expected", "ok"]);
    for (const row of report.checks) expect(Object.keys(row)).toEqual(["name", "ok", "detail"]);
    for (const row of report.traffic) expect(Object.keys(row)).toEqual(["name", "mbps", "lossPct"]);
    const rows: readonly { readonly ok: boolean }[] = [...report.steps, ...report.access, ...report.checks];
    const failed = rows.filter(({ ok }) => !ok);
    expect(failed, done.stderr).toEqual([]);
    expect(done.code).toBe(0);
    for (const step of ["1. buy", "2. connect", "3. activate", "4. configure", "5. open", "6. test access"])
      expect(report.steps.filter((row) => row.name.startsWith(step))).toHaveLength(1);
    for (const command of ["create instance hangzhou-branch", "bind ccn corp-ccn cen corp", "ready ningbo-branch"])
      expect(done.stderr).toContain(`$ vcpe ${command}`);
    for (const device of ["shanghai", "hangzhou", "ningbo"]) expect(done.stderr).toContain(`${device} $ vcpe join --`);

    const count = (to: RegExp, expected: string) =>
      report.access.filter((row) => to.test(row.to) && row.expected === expected).length;
    // Refused before the rules; allowed after them, and with interworking off.
    expect(count(/^(shanghai|beijing)-server$/, "refused")).toBe(TO_SERVERS);
    expect(count(/^(shanghai|beijing)-server$/, "allowed")).toBe(2 * TO_SERVERS);
    expect(count(/-host$/, "refused")).toBe(BETWEEN);
    expect(count(/-host$/, "allowed")).toBe(3 * BETWEEN);
    expect(count(/^other-server$/, "allowed")).toBe(3);
    expect(report.checks.map((check) => check.name).join("\n")).toMatch(/peak bandwidth 50 Mbit\/s, udp to the branch/);
    const limit = 90_000 * stretch();
    console.log(
      `vcpe lab --once --seconds 1 took ${seconds(done.ms)}; with what others have of this machine ${seconds(limit)} will do`,
    );
    expect(done.ms).toBeLessThan(limit);

    expect(existsSync(labFolder(name))).toBe(false);
    for (const place of TUTORIAL.places) expect(existsSync(`/run/netns/${namespaceOf(name, place.name)}`)).toBe(false);
    expect(seen.routers.size).toBe(5);
    const left = existsSync(ROUTER_ROOT) ? readdirSync(ROUTER_ROOT) : [];
    expect(left.filter((router) => seen.routers.has(router))).toEqual([]);
    expect(seen.processes.size).toBeGreaterThan(10);
    expect([...seen.processes.values()].filter(alive)).toEqual([]);
  }, 950_000);
});
