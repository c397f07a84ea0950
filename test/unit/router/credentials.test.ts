/** Certificates from the configuration file to the IKE core: what is refused, what a renewal touches. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Check } from "typebox/value";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RouterConfig } from "../../../src/router/config/config.ts";
import { registerFormats } from "../../../src/router/config/formats.ts";
import { ConfigError, formatPath, formatProblem } from "../../../src/router/config/problem.ts";
import { parseConfig, type ReadConfig } from "../../../src/router/config/read.ts";
import { diff } from "../../../src/router/diff.ts";
import { modelOf } from "../../../src/router/model.ts";
import { certificatesIn, pemOf } from "../../../src/router/pem.ts";
import { ask } from "../../../src/router/status/client.ts";
import type { RouterStatus } from "../../../src/router/status/schema.ts";
import { certificatePem, current, DAY, EPOCH, Holder, keyPem } from "../../ike/authority.ts";
import { BRANCH, PSK } from "./configuration.ts";
import { FakePlane } from "./fakeplane.ts";
import { type Rig, until, wire } from "./rig.ts";
import { run, start } from "./started.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-credentials-"));
afterAll(() => rmSync(folder, { recursive: true }));

const CREDENTIALS = "credentials: { certificate: own.pem, key: { file: own.key }, trust: [root.pem] }";
const EDGE = BRANCH.replace("log: info", CREDENTIALS).replace(
  "auth: { psk: { env: PSK } }",
  "auth: { certificate: { peer: gw.vcpe.test } }",
);

let root: Holder;
let own: Holder;
let other: Holder;

const place = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });

beforeAll(async () => {
  root = await Holder.root("Root", current(60));
  [own, other] = await Promise.all([
    root.issue("branch-a.vcpe.test", current()),
    root.issue("gw.vcpe.test", current()),
  ]);
  place("root.pem", certificatePem(root));
  place("own.pem", certificatePem(own));
  place("own.key", keyPem(own));
  place("other.pem", certificatePem(other));
  place("bad.pem", "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n");
  place("weak.key", keyPem(await root.issue("weak", { ...current(), key: "rsa1024" })));
});

function read(text = EDGE, now = Date.now()): ReadConfig {
  return parseConfig(text, "test.yaml", { folder, environment: { PSK, KEY: keyPem(own) } }, false, now);
}

/** What is said of a text: "severity code path: message. Next." of each problem. */
function said(text: string, now?: number): string[] {
  let problems: ConfigError["problems"];
  try {
    problems = read(text, now).warnings;
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    problems = (error as ConfigError).problems;
  }
  return problems.map((one) => `${one.severity} ${one.code} ${formatPath(one.path)} | ${formatProblem("", one)}`);
}

describe("a file with certificates", () => {
  it("becomes a configuration without a secret, and the key beside it", () => {
    registerFormats();
    const { config, secrets, warnings } = read();
    expect(warnings).toEqual([]);
    expect(Check(RouterConfig, JSON.parse(JSON.stringify(config)))).toBe(true);
    expect(config.tunnels[0].auth).toEqual({ kind: "certificate", peer: "gw.vcpe.test" });
    const { chain, trust, secret, version } = config.credentials!;
    expect(chain.map(certificatesIn)).toEqual([[own.der]]);
    expect(trust.map(certificatesIn)).toEqual([[root.der]]);
    expect([...secrets.keys()]).toEqual([secret]);
    expect(Buffer.from(secrets.get(secret)!).equals(own.key)).toBe(true);
    const json = JSON.stringify(config);
    expect(json).not.toContain(Buffer.from(own.key).toString("base64").slice(0, 40));
    expect(read().config.credentials!.version).toBe(version);
  });

  it("may have the key in the environment or in itself, and capitals in the name", () => {
    const inside = EDGE.replace("{ file: own.key }", `{ value: ${JSON.stringify(keyPem(own))} }`);
    for (const text of [EDGE.replace("{ file: own.key }", "{ env: KEY }"), inside]) {
      expect(read(text).secrets.size).toBe(1);
    }
    const open = () => parseConfig(inside, "test.yaml", { folder, environment: {} }, true).warnings;
    expect(open().map(({ code, path }) => `${code} ${formatPath(path)}`)).toEqual([
      "secret-exposed credentials.key.value",
    ]);
    expect(read(EDGE.replace("gw.vcpe.test }", "GW.vcpe.TEST }")).config.tunnels[0].auth).toMatchObject({
      peer: "gw.vcpe.test",
    });
  });

  it("may have a chain, several authorities, and text between them", async () => {
    const between = await root.authority("Between", current());
    const below = await between.issue("branch-a.vcpe.test", { ...current(), key: "p256" });
    place("chain.pem", `subject=branch-a\n${certificatePem(below)}\nissuer\n${certificatePem(between)}`);
    place("below.key", keyPem(below));
    place("more.pem", `# ours\n${certificatePem(root, between)}`);
    const text = EDGE.replace("own.pem", "chain.pem")
      .replace("own.key", "below.key")
      .replace("[root.pem]", "[root.pem, more.pem]");
    const { config } = read(text);
    expect(config.credentials!.chain).toHaveLength(2);
    expect(config.credentials!.trust).toHaveLength(3);
  });
});

describe("a file whose certificates are not good", () => {
  it("says so when they end, or have not begun", () => {
    const end = Date.now() + 30 * DAY;
    expect(said(EDGE, end - 8 * DAY)).toEqual([]);
    const [soon] = said(EDGE, end - 6 * DAY);
    expect(soon).toMatch(
      /^warning certificate-expires credentials\.certificate \|.*CN=branch-a\.vcpe\.test expires at 20/,
    );
    expect(soon).toContain("Renew it soon.");
    const [late] = said(EDGE, end + DAY);
    expect(late).toMatch(
      /^error certificate-expired credentials\.certificate \|.*has expired at 20.* UTC\. Renew it\.$/,
    );
    const [early] = said(EDGE, EPOCH - DAY);
    expect(early).toMatch(/^warning certificate-early credentials\.certificate/);
    const authority = said(EDGE, end + 40 * DAY).at(-1);
    expect(authority).toMatch(/^warning certificate-expired credentials\.trust\[0\]/);
  });

  it.each<[string, [string, string], string]>([
    ["is not there", ["own.pem", "gone.pem"], "error certificate-unreadable credentials.certificate"],
    ["is in no PEM", ["own.pem", "own.key"], "error certificate-invalid credentials.certificate"],
    ["is none", ["own.pem", "bad.pem"], "error certificate-invalid credentials.certificate"],
    ["is for another key", ["own.pem", "other.pem"], "error credentials-invalid credentials |"],
    ["has a key that is none", ["own.key", "own.pem"], "error key-invalid credentials.key |"],
    ["has a key that is not there", ["own.key", "gone.key"], "error secret-unreadable credentials.key.file"],
    ["has a weak key", ["own.key", "weak.key"], "error credentials-invalid credentials |"],
    ["is trusted and no authority", ["root.pem", "other.pem"], "error trust-invalid credentials.trust[0] |"],
    ["is trusted and not there", ["root.pem", "gone.pem"], "error certificate-unreadable credentials.trust[0]"],
  ])("because one %s", (_, [from, to], sentence) => {
    const problems = said(EDGE.replace(from, to));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(sentence);
    expect(problems[0]).toMatch(/\. .+\.$/);
    expect(problems[0]).not.toContain("PRIVATE KEY");
  });

  it("when a tunnel wants them and there are none, or none wants them", () => {
    expect(said(EDGE.replace(CREDENTIALS, "log: info"))).toEqual([
      expect.stringContaining("error no-credentials tunnels[0].auth.certificate"),
    ]);
    expect(said(EDGE.replace("{ certificate: { peer: gw.vcpe.test } }", "{ psk: { env: PSK } }"))).toEqual([
      expect.stringContaining("warning no-effect credentials"),
    ]);
    expect(said(EDGE.replace("{ certificate: { peer: gw.vcpe.test } }", "{}"))).toContainEqual(
      expect.stringContaining("error no-auth tunnels[0].auth"),
    );
    const two = EDGE.replace("{ certificate: { peer", "{ psk: { env: PSK }, certificate: { peer");
    expect(said(two)).toEqual([expect.stringContaining("error both tunnels[0].auth")]);
  });

  it.each(["*.vcpe.test", "gw.vcpe.test.", "", "gw vcpe", "-gw.test", `${"a".repeat(64)}.test`])(
    "because %j is no name of a peer",
    (name) => {
      expect(said(EDGE.replace("peer: gw.vcpe.test", `peer: ${JSON.stringify(name)}`))[0]).toContain(
        "error format tunnels[0].auth.certificate.peer",
      );
    },
  );
});

describe("the difference", () => {
  it("of a renewal is one update that touches no tunnel", async () => {
    const renewed = await root.issue("branch-a.vcpe.test", current(20));
    const before = modelOf(read().config);
    place("renewed.pem", certificatePem(renewed));
    place("renewed.key", keyPem(renewed));
    const now = modelOf(read(EDGE.replace("own.pem", "renewed.pem").replace("own.key", "renewed.key")).config);
    expect(diff(before, now)).toMatchObject([{ op: "update", now: { kind: "credentials" } }]);
    expect(diff(before, before)).toEqual([]);
  });

  it("makes credentials before the peers that need them, and removes them after", () => {
    const none = modelOf(
      read(EDGE.replace(CREDENTIALS, "log: info").replace(/auth: \{ cert.*/, "auth: { psk: { env: PSK } }")).config,
    );
    const some = modelOf(read().config);
    const named = (actions: ReturnType<typeof diff>) =>
      actions.map((action) => `${action.op} ${action.op === "update" ? action.now.kind : action.resource.kind}`);
    expect(named(diff(none, some))).toEqual(["add credentials", "update peer"]);
    expect(named(diff(some, none))).toEqual(["update peer", "remove credentials"]);
  });
});

describe("PEM", () => {
  it("is read as it is written", () => {
    expect(certificatesIn(pemOf(root.der) + pemOf(own.der))).toEqual([root.der, own.der]);
    expect(
      pemOf(root.der)
        .split("\n")
        .every((line) => line.length <= 64),
    ).toBe(true);
    expect(certificatesIn("nothing")).toEqual([]);
  });
});

describe("two routers with certificates", () => {
  const at = { a: Uint8Array.of(203, 0, 113, 2), gw: Uint8Array.of(198, 51, 100, 1) };
  /** Absolute paths: the rig has a folder of its own. */
  const absolute = (text: string) => text.replaceAll(/([\w-]+\.(pem|key))/g, (name) => join(folder, name));
  const GATEWAY = `name: gw
credentials: { certificate: gw.pem, key: { file: gw.key }, trust: [root.pem] }
vrfs:
  - name: main
    tun: { name: vcpe1 }
    local: [10.100.0.0/16]
tunnels:
  - name: a
    vrf: main
    peer: { id: branch-a.vcpe.test }
    local: { id: gw.vcpe.test }
    auth: { certificate: { peer: branch-a.vcpe.test } }
    routes: [10.1.0.0/24, "fd00:1::/64"]
`;
  const up = ({ plane }: Rig) => [...plane.children.values()].some(({ transmits }) => transmits);

  async function pair(): Promise<{ a: Rig; gw: Rig }> {
    place("gw.pem", certificatePem(other));
    place("gw.key", keyPem(other));
    const planes = { a: new FakePlane(), gw: new FakePlane() };
    wire({ plane: planes.a, address: at.a }, { plane: planes.gw, address: at.gw });
    const gw = await start(absolute(GATEWAY), { plane: planes.gw });
    const a = await start(absolute(EDGE), { plane: planes.a });
    await until(() => up(a) && up(gw));
    return { a, gw };
  }

  const status = (made: Rig, name: string) => ask<RouterStatus>(name, "GET", "/status", undefined, run(made));

  it("come up, and show how the other has proved itself", async () => {
    const { a, gw } = await pair();
    expect((await status(a, "branch-a")).tunnels[0].ike?.auth).toMatchObject({
      kind: "certificate",
      subject: "CN=gw.vcpe.test",
      issuer: "CN=Root",
      notAfter: expect.stringMatching(/^20\d\d-\d\d-\d\dT/),
    });
    const shown = JSON.stringify(await status(gw, "gw"));
    expect(shown).toContain("CN=branch-a.vcpe.test");
    expect(shown).not.toContain(Buffer.from(other.key).toString("base64").slice(0, 40));
  });

  it("renew while they run; the key that is no longer needed is wiped, the tunnel stays", async () => {
    const { a, gw } = await pair();
    const before = (await status(a, "branch-a")).tunnels[0].ike?.spiLocal;
    const renewed = await root.issue("branch-a.vcpe.test", { ...current(21), key: "p384" });
    place("own.pem", certificatePem(renewed));
    place("own.key", keyPem(renewed));
    expect((await a.opened.reload()).applied).toEqual(["update credentials"]);
    expect((await status(a, "branch-a")).tunnels[0].ike?.spiLocal).toBe(before);
    await ask("gw", "POST", "/tunnels/a/terminate", undefined, run(gw));
    await until(() => a.opened.router.parts.ike.status()[0]?.state !== "up");
    await until(() => up(a) && up(gw));
    const proven = gw.opened.router.parts.ike.status()[0]?.ike?.proven;
    expect(proven?.kind === "certificate" && proven.notAfter - Date.now()).toBeLessThan(21.5 * DAY);
    place("own.pem", certificatePem(own));
    place("own.key", keyPem(own));
    expect(readFileSync(join(folder, "own.pem"), "utf8")).toContain("BEGIN CERTIFICATE");
  });

  it("refuse a reload whose certificates do not fit, and go on as before", async () => {
    const { a } = await pair();
    a.write(absolute(EDGE.replace("own.key", "gw.key")));
    await expect(a.opened.reload()).rejects.toThrow("The private key is not the one of the certificate");
    expect(up(a)).toBe(true);
    // A RouterConfig that did not come from a file: the core refuses, and everything is taken back.
    const { config, secrets } = parseConfig(absolute(EDGE), "x", { folder, environment: {} });
    const credentials = { ...config.credentials!, trust: config.credentials!.chain, version: "2" };
    const { router } = a.opened;
    await expect(router.apply({ ...config, credentials }, secrets)).rejects.toThrow("no certification authority");
    expect([...secrets.values()].every((key) => key.every((byte) => byte === 0))).toBe(true);
    expect(up(a)).toBe(true);
    a.write(absolute(EDGE));
    expect((await a.opened.reload()).applied).toEqual([]);
  });
});
