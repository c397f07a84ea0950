import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Check } from "../../../src/router/doctor/check.ts";
import { BRANCH, PSK } from "../router/configuration.ts";

const root = new URL("../../../", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "vcpe-cli-"));
const good = join(folder, "good.yaml");
const bad = join(folder, "bad.yaml");
writeFileSync(good, BRANCH);
writeFileSync(bad, BRANCH.replace("lifetime: 4h", "lifetime: long"));
afterAll(() => rmSync(folder, { recursive: true }));

const vcpe = (...args: string[]) => withEnvironment({}, ...args);

function withEnvironment(more: Record<string, string>, ...args: string[]) {
  const node = join(root, "node_modules/.bin/node");
  const run = spawnSync(node, [join(root, "src/cli/main.ts"), ...args], {
    encoding: "utf8",
    env: { ...process.env, PSK, ...more },
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

describe("vcpe", () => {
  it("says its version", () => {
    expect(vcpe("version")).toMatchObject({ code: 0, out: "0.1.0\n" });
    expect(vcpe("--version").out).toBe("0.1.0\n");
  });

  it.each(["version", "check --reference", "check --schema"])("%s ends in silence when its reader goes", (words) => {
    const node = join(root, "node_modules/.bin/node");
    // The pipe is closed before anything is written to it.
    const command = `{ sleep 0.1; ${node} ${join(root, "src/cli/main.ts")} ${words}; echo "code $?" >&2; } | true`;
    const { stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
    expect(stderr).toBe("code 0\n");
  });

  it("lists every sub-command in its help", () => {
    const { code, out } = vcpe("--help");
    expect(code).toBe(0);
    for (const name of [
      "edge",
      "gateway",
      "join",
      "leave",
      "check",
      "doctor",
      "status",
      "reload",
      "rekey",
      "initiate",
      "terminate",
      "console",
      "login",
      "get",
      "create",
      "apply",
      "ready",
      "events",
      "version",
      "lab",
    ]) {
      expect(out).toMatch(new RegExp(`^  ${name}\\b`, "m"));
    }
    expect(out).toMatch(/^Exit codes:\n +0 {2}done$/m);
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each([
    [["stat"]],
    [["edge", "-c", "f", "--serial", "s"]],
    [["join"]],
    [["rekey"]],
    [["status", "--colour"]],
    [["check"]],
    [["login"]],
  ])("refuses %j with code 2", (args) => {
    const { code, err } = vcpe(...args);
    expect(code).toBe(2);
    expect(err).toContain("error:");
  });

  it("an edge without a file says how to join a console", () => {
    const { code, err } = vcpe("edge", "--state", "/nonexistent");
    expect(code).toBe(2);
    expect(err).toContain("This host has joined no console");
    expect(err).toContain("vcpe join --console URL --serial SERIAL");
  });

  it("tells what goes wrong with a console by its exit codes", () => {
    const VCPE_CREDENTIALS = join(folder, "none.json");
    expect(vcpe("create", "instnce", "hz")).toMatchObject({
      code: 2,
      err: 'vcpe: "instnce" is no kind of resource. Did you mean "instance"?\n',
    });
    expect(withEnvironment({ VCPE_CREDENTIALS }, "get", "instances")).toMatchObject({
      code: 6,
      err: "vcpe: Nobody is logged in. Log in: vcpe login --console URL.\n",
    });
    expect(vcpe("login", "--console", "https://127.0.0.1:1")).toMatchObject({ code: 4 });
    const joining = (...args: string[]) =>
      withEnvironment({ VCPE_KEY: "00000-00000-00000-00000-00000" }, "join", "-s", "vcpe0", ...args);
    expect(joining("--console", "https://127.0.0.1:1")).toMatchObject({
      code: 4,
      err: "vcpe: 127.0.0.1:1 cannot be reached (ECONNREFUSED). Check the URL, whether the console runs, and firewalls.\n",
    });
    expect(joining("--console", "https://127.0.0.1:1", "--ca", "5C:0B")).toMatchObject({ code: 2 });
    expect(joining("--console", "http://127.0.0.1:1")).toMatchObject({ code: 2 });
    expect(joining("--console", "https://127.0.0.1:1", "-s", "my device")).toMatchObject({
      code: 2,
      err: 'vcpe: "my device" is no serial number. Type it as the console showed it: letters and digits.\n',
    });
    expect(vcpe("create", "rule", "--help").out).toContain("--direction ingress|egress");
    expect(JSON.parse(vcpe("apply", "--schema").out)).toMatchObject({ title: "vcpe site" });
  });

  it("checks a configuration file", () => {
    expect(vcpe("check", good)).toMatchObject({ code: 0, out: `${good} is good: router branch-a, 1 VRF, 1 tunnel\n` });
    const { out } = vcpe("check", "--json", good);
    expect(JSON.parse(out).tunnels[0].dpdMs).toBe(30_000);
    expect(out).not.toContain(PSK);
    const { code, err } = vcpe("check", bad);
    expect(code).toBe(3);
    expect(err).toBe(
      `${bad}:14:67: tunnels[0].ike.lifetime: "long" is not a duration. Write a number and a unit: 500ms, 30s, 5m, 4h, 1h30m or 1d.\n`,
    );
    expect(JSON.parse(vcpe("check", "--schema").out)).toMatchObject({ type: "object", title: "vcpe router" });
    // Somebody gives the wrong file, and it is the one with the key.
    const key = join(folder, "key.psk");
    for (const text of ["hunter2", randomBytes(32).toString("base64")]) {
      writeFileSync(key, text);
      const { err } = vcpe("check", key);
      expect(err).toContain("expected a mapping (key: value), found a text");
      expect(err).not.toContain(text);
    }
  });

  it("looks at the host", () => {
    const { code, out } = vcpe("doctor", "--json", "-c", good);
    const { failures, warnings, checks } = JSON.parse(out) as { failures: number; warnings: number; checks: Check[] };
    expect(code).toBe(failures > 0 ? 1 : 0);
    expect(failures + warnings).toBe(checks.filter(({ state }) => state !== "ok").length);
    const named = checks.map(({ check }) => check);
    for (const check of [
      "configuration",
      "privileges",
      "TUN device",
      "UDP sockets",
      "ports",
      "native AES",
      "engines",
    ]) {
      expect(named).toContain(check);
    }
    for (const { state, says, next } of checks) {
      expect(says).toMatch(/^\S.*\.$/);
      if (state === "failure") expect(next, says).not.toBe("");
    }
    expect(out).not.toContain(PSK);
    expect(vcpe("doctor", "-c", bad)).toMatchObject({
      code: 1,
      out: expect.stringContaining(`See them: vcpe check ${bad}.`),
    });
  });

  it("starts no router from a bad file", () => {
    expect(vcpe("edge", "-c", bad).code).toBe(3);
    expect(vcpe("gateway", "-c", join(folder, "absent.yaml"))).toMatchObject({ code: 3 });
  });

  it("says when there is no such router", () => {
    const { code, err } = vcpe("status", "--name", "no-such-router-here");
    expect(code).toBe(4);
    expect(err).toContain('No router called "no-such-router-here" runs here');
  });
});
