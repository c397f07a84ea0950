import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Check } from "typebox/value";
import { afterAll, describe, expect, it } from "vitest";
import { contains, prefixOf } from "../../../src/router/address.ts";
import { RouterConfig } from "../../../src/router/config/config.ts";
import { formatDuration, parseDuration } from "../../../src/router/config/duration.ts";
import { registerFormats } from "../../../src/router/config/formats.ts";
import { identityBytes, parseIdentity } from "../../../src/router/config/identity.ts";
import { nearest } from "../../../src/router/config/nearest.ts";
import { ConfigError, formatPath, formatProblem } from "../../../src/router/config/problem.ts";
import { formatRate, parseRate } from "../../../src/router/config/rate.ts";
import { readConfig } from "../../../src/router/config/read.ts";
import { workerCount } from "../../../src/router/workers.ts";
import { BRANCH, PSK, parse } from "./configuration.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What is said of a text: "line:column code path" of each problem, errors and warnings. */
function problems(text: string, environment?: Record<string, string>): string[] {
  try {
    return parse(text, environment).warnings.map(show);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems.map(show);
  }
}

function show(problem: ConfigError["problems"][number]): string {
  return `${problem.line}:${problem.column} ${problem.severity} ${problem.code} ${formatPath(problem.path)}`;
}

function messages(text: string): string {
  try {
    return parse(text)
      .warnings.map((warning) => formatProblem("test.yaml", warning))
      .join("\n");
  } catch (error) {
    return (error as Error).message;
  }
}

/** BRANCH with one text in place of another, which must be there. */
function changed(from: string, to: string): string {
  expect(BRANCH).toContain(from);
  return BRANCH.replace(from, to);
}

/** A second tunnel beside the one of BRANCH. */
const second = (fields = "") => `  - name: second
    vrf: main
    peer: { id: second.vcpe.test }
    local: { id: branch-a.vcpe.test }
    auth: { psk: { env: PSK } }
${fields}`;
const withSecond = (fields = "", id = "second.vcpe.test") =>
  BRANCH.replace("routes:\n  - {", `${second(fields).replace("second.vcpe.test", id)}routes:\n  - {`);

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

describe("the rules beyond the schema", () => {
  it.each<[string, string, string | string[]]>([
    ["an unknown VRF", changed("    vrf: main", "    vrf: mian"), "10:10 error unknown-vrf tunnels[0].vrf"],
    [
      "one name twice",
      withSecond().replace("name: second", "name: to-gateway"),
      "17:11 error duplicate-name tunnels[1].name",
    ],
    ["one peer identity twice", withSecond("", "gw.vcpe.test"), "19:17 error duplicate-identity tunnels[1].peer.id"],
    [
      "a prefix behind two tunnels",
      withSecond("    routes: [10.2.0.0/24]\n"),
      "22:14 error prefix-conflict tunnels[1].routes[0]",
    ],
    [
      "a local prefix behind a tunnel",
      withSecond("    routes: [10.1.0.0/24]\n"),
      "22:14 error prefix-conflict tunnels[1].routes[0]",
    ],
    [
      "an overlap of two tunnels",
      withSecond("    routes: [10.0.0.0/8]\n"),
      "22:14 warning prefix-overlap tunnels[1].routes[0]",
    ],
    [
      "a dropped prefix that is routed",
      changed("10.66.0.0/16", "10.2.0.0/24"),
      "18:26 error prefix-conflict routes[0].prefix",
    ],
    ["a route over the peer", changed("10.100.0.0/16", "198.51.0.0/16"), "16:27 error route-loop tunnels[0].routes[1]"],
    ["too short a lifetime", changed("lifetime: 4h", "lifetime: 2s"), "14:67 error range tunnels[0].ike.lifetime"],
    ["a peer to begin with, without address", changed("address: 198.51.100.1, port: 500, ", ""), ""],
    [
      "local prefixes without a TUN",
      changed("    tun: { name: vcpe0, mtu: 1500 }\n", ""),
      "6:12 error no-tun vrfs[0].local",
    ],
    ["IPv6 with a small MTU", changed("mtu: 1500", "mtu: 1279"), "6:30 error mtu vrfs[0].tun.mtu"],
    [
      "a family that is off",
      changed("log: info", "outer: { ipv4: false }"),
      "11:22 error family-off tunnels[0].peer.address",
    ],
    [
      "nothing outside",
      changed("log: info", "outer: { ipv4: false, ipv6: false }"),
      ["2:8 error no-outside outer", "11:22 error family-off tunnels[0].peer.address"],
    ],
    ["one port for two", changed("log: info", "outer: { ikePort: 4500 }"), "2:8 error same-port outer"],
    [
      "no address of its own",
      changed('10.255.0.1, "fd00:ff::1"', '"fd00:ff::1"'),
      "4:5 warning no-own-address vrfs[0]",
    ],
    [
      "selectors of two families",
      changed(
        "    routes: [",
        '    selectors: { local: [10.0.0.0/8], remote: ["fd00:2::/64"] }\n    mtu: auto\n    routes: [',
      ),
      [
        "16:16 error selectors tunnels[0].selectors",
        "18:14 warning not-selected tunnels[0].routes[0]",
        "18:27 warning not-selected tunnels[0].routes[1]",
      ],
    ],
    [
      "selectors narrower than routes",
      changed("    routes: [", '    selectors: { remote: [10.0.0.0/8, "fd00:2::/65"] }\n    routes: ['),
      "17:42 warning not-selected tunnels[0].routes[2]",
    ],
    [
      "selectors and children",
      changed("    routes: [", "    selectors: {}\n    children: [{ name: a }]\n    routes: ["),
      "16:16 error both tunnels[0].selectors",
    ],
    [
      "its own identity as the peer's",
      changed("id: gw.vcpe.test", "id: branch-a.vcpe.test"),
      "11:51 warning same-identity tunnels[0].peer.id",
    ],
    [
      "its TUN among the interfaces",
      changed("log: info", "interfaces: [{ name: vcpe0, mtu: 1400 }]"),
      "2:22 error own-device interfaces[0].name",
    ],
    [
      "an address that is none of a host",
      changed("198.51.100.1", "224.0.0.1"),
      "11:22 error address tunnels[0].peer.address",
    ],
    [
      "two VRFs that meet in the kernel",
      changed("tunnels:", "  - { name: other, tun: { name: vcpe1 }, local: [10.1.0.0/24] }\ntunnels:"),
      "8:50 error prefix-conflict vrfs[1].local[0]",
    ],
    [
      "an unbound address",
      changed("local: { id: branch-a.vcpe.test }", "local: { id: branch-a.vcpe.test, address: 192.0.2.9 }").replace(
        "log: info",
        "outer: { ipv4: 192.0.2.1 }",
      ),
      "12:47 error not-bound tunnels[0].local.address",
    ],
  ])("find %s", (_, text, expected) => expect(problems(text)).toEqual(expected === "" ? [] : [expected].flat()));

  it("want an address to begin with", () => {
    const text = changed("address: 198.51.100.1, port: 500, ", "").replace(
      "    routes: [",
      "    start: initiate\n    routes: [",
    );
    expect(problems(text)).toEqual(["16:12 error no-address tunnels[0].start"]);
  });

  it("name both sides of a conflict", () => {
    expect(messages(withSecond("    routes: [10.2.0.0/24]\n"))).toContain(
      '10.2.0.0/24 belongs to tunnel "second" and to tunnel "to-gateway" (tunnels[0].routes[0])',
    );
  });

  it("find every overlap of two tunnels, and only those", () => {
    const prefix = fc
      .tuple(fc.constantFrom(0, 64, 128, 192), fc.constantFrom(8, 9, 10, 16, 24))
      .map(([part, length]) => {
        const bits = length > 8 ? part & (0xff00 >> (length - 8)) : 0;
        return `10.${bits}.0.0/${length}`;
      });
    const routes = fc.array(fc.uniqueArray(prefix, { maxLength: 3 }), { maxLength: 5 }).map((lists) => {
      const taken = new Set<string>();
      return lists.map((list) => list.filter((text) => !taken.has(text) && taken.add(text)));
    });
    fc.assert(
      fc.property(routes, (lists) => {
        const tunnels = lists.map((list, i) =>
          second(`    routes: [${list.join(", ")}]\n`).replaceAll("second", `t${i}`),
        );
        const text = BRANCH.replace(
          /tunnels:[\s\S]*/,
          `tunnels:${tunnels.length === 0 ? " []" : ""}\n${tunnels.join("")}`,
        );
        const all = lists.flatMap((list, i) => list.map((each) => ({ i, prefix: prefixOf(each) })));
        const wide = all.filter((a) =>
          all.some((b) => b.i !== a.i && b.prefix.length > a.prefix.length && contains(a.prefix, b.prefix)),
        );
        const found = problems(text).filter((line) => line.includes("prefix-overlap"));
        expect(found).toHaveLength(wide.length);
      }),
      { numRuns: 200 },
    );
  });

  it("take their time also with 3,000 tunnels", () => {
    const tunnels = Array.from({ length: 3000 }, (_, i) =>
      second(`    routes: [10.${i >> 8}.${i & 255}.0/24, 172.16.0.0/${i === 0 ? 12 : 32}]\n`)
        .replaceAll("second", `t${i}`)
        .replace("172.16.0.0/32", `172.16.${i >> 8}.${i & 255}/32`),
    );
    const text = BRANCH.replace(/tunnels:[\s\S]*/, `tunnels:\n${tunnels.join("")}`).replace(
      "    local: [10.1.0.0/24,",
      "    local: [",
    );
    const begun = performance.now();
    const { config, warnings } = parse(text);
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(config.tunnels).toHaveLength(3000);
    expect(warnings.map(({ code }) => code)).toEqual(["prefix-overlap"]);
  });

  it("let VRFs without a TUN have the same prefixes", () => {
    const text = changed("tunnels:", "  - { name: other, addresses: [10.255.0.1] }\ntunnels:");
    expect(problems(text)).toEqual([]);
  });
});

describe("pre-shared keys", () => {
  const file = join(folder, "psk");
  const withFile = changed("{ env: PSK }", `{ file: ${file} }`);

  it("come from a file, without the line end", () => {
    writeFileSync(file, `${PSK}\n`, { mode: 0o600 });
    expect(new TextDecoder().decode(parse(withFile).secrets.get("to-gateway"))).toBe(PSK);
    expect(problems(withFile)).toEqual([]);
  });

  it("in a file that everybody may read bring a warning", () => {
    chmodSync(file, 0o644);
    expect(problems(withFile)).toEqual(["13:26 warning secret-exposed tunnels[0].auth.psk.file"]);
    expect(messages(withFile)).toContain(`chmod 600 ${file}`);
  });

  it("may be hexadecimal", () => {
    const { secrets } = parse(BRANCH, { PSK: "0x000102030405060708090a0b0c0d0e0f" });
    expect([...secrets.get("to-gateway")!]).toEqual([...Array(16).keys()]);
    expect(problems(BRANCH, { PSK: "0x123" })).toEqual(["13:18 error secret-invalid tunnels[0].auth.psk"]);
  });

  it("that are missing, empty or short are told", () => {
    expect(problems(BRANCH, {})).toEqual(["13:25 error secret-unreadable tunnels[0].auth.psk.env"]);
    expect(problems(BRANCH, { PSK: "" })).toEqual(["13:18 error secret-invalid tunnels[0].auth.psk"]);
    expect(problems(BRANCH, { PSK: "short" })).toEqual(["13:18 warning secret-short tunnels[0].auth.psk"]);
    expect(problems(changed("{ env: PSK }", "{ file: none }"))).toEqual([
      "13:26 error secret-unreadable tunnels[0].auth.psk.file",
    ]);
  });

  it("written into a file that everybody may read bring a warning", () => {
    const path = join(folder, "router.yaml");
    writeFileSync(path, changed("{ env: PSK }", `{ value: "${PSK}" }`), { mode: 0o644 });
    const { warnings } = readConfig(path);
    expect(warnings.map(show)).toEqual(["13:27 warning secret-exposed tunnels[0].auth.psk.value"]);
    chmodSync(path, 0o600);
    expect(readConfig(path).warnings).toEqual([]);
    expect(() => readConfig(join(folder, "absent.yaml"))).toThrow(/absent\.yaml: cannot be read \(ENOENT\)/);
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
