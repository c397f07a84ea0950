import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, prefixOf } from "../../../src/router/address.ts";
import { changed, messages, problems, second, withSecond } from "./configproblems.ts";
import { BRANCH, parse } from "./configuration.ts";

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
