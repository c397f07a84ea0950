import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Check } from "typebox/value";
import { afterAll, describe, expect, it } from "vitest";
import { RouterConfig } from "../../../src/router/config/config.ts";
import { formatDuration, parseDuration } from "../../../src/router/config/duration.ts";
import { registerFormats } from "../../../src/router/config/formats.ts";
import { identityBytes, parseIdentity } from "../../../src/router/config/identity.ts";
import { nearest } from "../../../src/router/config/nearest.ts";
import { ConfigError } from "../../../src/router/config/problem.ts";
import { formatRate, parseRate } from "../../../src/router/config/rate.ts";
import { workerCount } from "../../../src/router/workers.ts";
import { changed, messages, problems, withSecond } from "./configproblems.ts";
import { BRANCH, PSK, parse } from "./configuration.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-config-"));

afterAll(() => rmSync(folder, { recursive: true }));

describe("a good file", () => {
  it("becomes a configuration with every default filled in", () => {
    const { config, secrets, warnings } = parse(BRANCH);
    expect(warnings).toEqual([]);
    expect(config.outer).toEqual({ ipv4: "0.0.0.0", ipv6: "::", ikePort: 500, natPort: 4500 });
    expect(config.tunnels[0]).toMatchObject({
      start: "initiate",
      mtu: null,
      dpdMs: 30_000,
      encapsulation: "always",
      ike: { lifetimeMs: 14_400_000 },
      children: [{ name: "to-gateway", local: ["0.0.0.0/0", "::/0"], remote: ["0.0.0.0/0", "::/0"] }],
    });
    expect(new TextDecoder().decode(secrets.get("to-gateway"))).toBe(PSK);
  });

  it("holds a tunnel to a rate, in decimal units", () => {
    const of = (rate: string) =>
      parse(changed("    routes: [", `    shape: { rate: ${rate} }\n    routes: [`)).config.tunnels[0].shape;
    expect(parse(BRANCH).config.tunnels[0].shape).toBeNull();
    for (const [text, bitsPerSecond] of [
      ["64k", 64_000],
      ["2M", 2_000_000],
      ["1.5G", 1_500_000_000],
      ["100G", 1e11],
      ['"250000"', 250_000],
    ] as const) {
      expect(of(text)).toEqual({ bitsPerSecond });
      expect(parseRate(formatRate(bitsPerSecond))).toBe(bitsPerSecond);
    }
    for (const bad of ["63k", "101G", "2m", "2Mbit", "-1M", '""', "2 M"]) {
      const text = changed("    routes: [", `    shape: { rate: ${bad} }\n    routes: [`);
      expect(problems(text)).toEqual([expect.stringMatching(/error format tunnels\[0\]\.shape\.rate$/)]);
      expect(messages(text)).toContain("Write bits a second with a unit: 64k, 2M or 1.5G.");
    }
  });

  it("says how many workers there are, and whether they stay on their CPUs", () => {
    const of = (more: string) => parse(changed("log: info", `log: info\n${more}`)).config;
    expect(parse(BRANCH).config).toMatchObject({ workers: 1, pin: false, moderation: 100 });
    expect(of("workers: 3\npin: true\nmoderation: 0")).toMatchObject({ workers: 3, pin: true, moderation: 0 });
    expect(of("workers: auto").workers).toBe("auto");
    for (const bad of ["workers: 0", "workers: 17", "workers: many"]) expect(() => of(bad)).toThrow();
    expect([1, 2, 4, 64].map((cpus) => workerCount("auto", cpus))).toEqual([1, 2, 4, 4]);
    expect(workerCount(7, 2)).toBe(7);
    expect(workerCount("auto")).toBeGreaterThan(0);
  });

  it("fits the schema of RouterConfig, goes through JSON unchanged, is frozen and holds no secret", () => {
    registerFormats();
    const { config } = parse(BRANCH);
    const json = JSON.stringify(config);
    expect(JSON.parse(json)).toEqual(config);
    expect(Check(RouterConfig, JSON.parse(json))).toBe(true);
    expect(json).not.toContain(PSK);
    expect(Object.isFrozen(config.tunnels[0].children[0].local)).toBe(true);
  });

  it("gives a secret another version when it changes, and only then", () => {
    const version = (PSK: string) => {
      const { auth } = parse(BRANCH, { PSK }).config.tunnels[0];
      return auth.kind === "psk" ? auth.version : undefined;
    };
    expect(version("a long enough key A")).toBe(version("a long enough key A"));
    expect(version("a long enough key A")).not.toBe(version("a long enough key B"));
  });

  it("may respond only, with a peer whose address is not known", () => {
    expect(parse(changed("address: 198.51.100.1, port: 500", "address: any")).config.tunnels[0]).toMatchObject({
      start: "respond",
      peer: { address: null },
    });
  });

  it("may use anchors and aliases", () => {
    const { config } = parse(
      withSecond("    ike: *ike\n")
        .replace("ike: { proposals", "ike: &ike { proposals")
        .replace("lifetime: 4h", "lifetime: 2h"),
    );
    expect(config.tunnels[1].ike.lifetimeMs).toBe(7_200_000);
  });
});

describe("a bad file", () => {
  it("is told apart by line, column, path and rule, all problems at once", () => {
    const text = `name: branch a
log: infos
outer: { ipv4: 300.0.0.1, ikeport: 500 }
vrfs:
  - name: main
    tun: { name: vcpe0, mtu: 100 }
    local: [10.1.0.1/24]
tunnels:
  - name: to-gateway
    vrf: main
    peer: { address: gw.test, port: 500 }
    local: { id: 12 }
    auth: { psk: { valu: "x" } }
    ike: { proposals: [chacha20poly1305-sha256-x25518], lifetime: 4 hours }
    dpdd: 3s
    mtu: autoo
  - whatever
`;
    expect(problems(text)).toEqual([
      "1:7 error format name",
      "2:6 error choice log",
      "3:16 error format outer.ipv4",
      "3:27 error unknown-key outer.ikeport",
      "6:30 error range vrfs[0].tun.mtu",
      "7:13 error format vrfs[0].local[0]",
      "11:11 error missing-key tunnels[0].peer",
      "11:22 error format tunnels[0].peer.address",
      "12:18 error type tunnels[0].local.id",
      "13:18 error choice tunnels[0].auth.psk",
      "14:24 error format tunnels[0].ike.proposals[0]",
      "14:67 error format tunnels[0].ike.lifetime",
      "15:5 error unknown-key tunnels[0].dpdd",
      "16:10 error choice tunnels[0].mtu",
      "17:5 error type tunnels[1]",
    ]);
    const said = messages(text);
    expect(said).toContain('test.yaml:15:5: tunnels[0].dpdd: "dpdd" is not a key here. Did you mean "dpd"?');
    expect(said).toContain("Write 10.1.0.0/24 for the network, or 10.1.0.1/32 for the one address.");
    expect(said).toContain('Put it in quotes: "12".');
    expect(said).toContain("chacha20poly1305, aes256gcm16");
  });

  it.each([
    ["a tab", "name: x\nvrfs:\n\t- name: main\n"],
    ["a key twice", "name: x\nname: y\nvrfs: []\n"],
    ["an open bracket", "name: x\nvrfs: [\n"],
    ["an alias to nothing", "name: *nothing\nvrfs: []\n"],
  ])("with %s is a syntax error with its place", (_, text) => {
    const [first] = problems(text);
    expect(first).toMatch(/^[1-4]:\d+ error yaml $/);
  });

  it("that is empty, or no mapping, says what is missing", () => {
    expect(problems("")).toEqual(["1:1 error missing-key ", "1:1 error missing-key "]);
    expect(problems("- a\n- b\n")).toEqual(["1:1 error type "]);
  });

  it("never leaks what may be a secret", () => {
    for (const psk of [PSK, `{ value: 12345678901 }`, `[${PSK}]`, `{ value: [${PSK}] }`, `{ secret: ${PSK} }`]) {
      const said = messages(changed("{ env: PSK }", psk));
      expect(said).toContain("tunnels[0].auth.psk");
      expect(said).not.toContain(PSK);
      expect(said).not.toContain("12345678901");
    }
  });

  it("throws nothing but ConfigError, whatever the text", () => {
    const soup = fc.array(
      fc.constantFrom(...BRANCH.split(/(?<=\s)/), "{", "}", "&a ", "*a ", "!!int ", '"', "? ", "|\n"),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          soup.map((parts) => parts.join("")),
        ),
        (text) => {
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
          }
        },
      ),
      { interruptAfterTimeLimit: 5000 },
    );
  });
});

describe("the words of a configuration", () => {
  it.each([
    ["30s", 30_000],
    ["500ms", 500],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    ["1d1h1m1s1ms", 90_061_001],
  ])("%s is %i ms", (text, ms) => expect(parseDuration(text)).toBe(ms));
  it.each(["", "5", "s", "1.5h", "-1s", "1m1h", "4 hours"])("%s is no duration", (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
  it("shows durations with two units at most", () => {
    expect([0, 999, 1000, 61_000, 3_600_000, 5_400_000, 90_061_000].map(formatDuration)).toEqual([
      "0ms",
      "999ms",
      "1s",
      "1m1s",
      "1h",
      "1h30m",
      "1d1h",
    ]);
  });

  it.each([
    ["192.0.2.1", "ipv4", "c0000201"],
    ["2001:DB8::1", "ipv6", "20010db8000000000000000000000001"],
    ["a@b.example", "email", Buffer.from("a@b.example").toString("hex")],
    ["gw.vcpe.test", "fqdn", Buffer.from("gw.vcpe.test").toString("hex")],
    ["keyid:0xCAFE", "keyid", "cafe"],
    ["keyid:branch 7", "keyid", Buffer.from("branch 7").toString("hex")],
  ])("%s is an identity of type %s", (text, type, hex) => {
    const identity = parseIdentity(text);
    if (typeof identity === "string") throw new Error(identity);
    expect(identity.type).toBe(type);
    expect(Buffer.from(identityBytes(identity)).toString("hex")).toBe(hex);
  });
  it.each(["", "192.0.2.999", "a b", "keyid:", "keyid:0x1", "-a.test", "a..b"])("%s is no identity", (text) =>
    expect(parseIdentity(text)).toBeTypeOf("string"),
  );

  it("knows which key was meant", () => {
    const known = ["proposals", "lifetime", "packets", "bytes"];
    expect(nearest("proposal", known)).toBe("proposals");
    expect(nearest("lifteime", known)).toBe("lifetime");
    expect(nearest("Bytes", known)).toBe("bytes");
    expect(nearest("colour", known)).toBeUndefined();
  });
});
