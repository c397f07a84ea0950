import { describe, expect, it } from "vitest";
import { entrances } from "../../../src/router/entrances.ts";
import { forwardingOf } from "../../../src/router/forwarding.ts";
import type { Link, Way } from "../../../src/router/host.ts";

const link = (index: number, name: string, rest: Partial<Link> = {}): Link => ({
  index,
  name,
  mtu: 1500,
  up: true,
  kind: "",
  ...rest,
});
const LINKS = [
  link(1, "lo"),
  link(2, "wan"),
  link(3, "eth1", { master: "br0" }),
  link(4, "eth2", { master: "bond0" }),
  link(5, "eth3", { master: "bond0" }),
  link(6, "bond0", { kind: "bond", master: "br0" }),
  link(7, "br0", { kind: "bridge" }),
  link(8, "eth4"),
  link(9, "eth4.7", { kind: "vlan", lower: "eth4" }),
  link(10, "mac0", { kind: "macvlan" }),
  link(11, "br1", { kind: "bridge" }),
  link(12, "vcpe0", { kind: "tun" }),
  link(13, "v0", { kind: "veth", lower: "v1" }),
];
const way = (prefix: string, ...links: string[]): Way => ({ prefix, links });
const question = { interfaces: null, own: ["vcpe0"] };

/** "eth1 (br0)" of what was found. */
function found(
  prefixes: readonly string[],
  ways: readonly Way[],
  interfaces: readonly string[] | null = null,
): string[] {
  const { found, blind } = entrances({ ...question, prefixes, interfaces }, LINKS, ways);
  return [
    ...found.map(({ link, via }) => (via.length === 0 ? link.name : `${link.name} (${via.join(", ")})`)),
    ...blind.map(({ name, why }) => `${name}: ${why}`),
  ];
}

describe("where packets of a prefix come in", () => {
  it("is the device that a route to it names", () => {
    expect(found(["10.1.0.0/24", "fd00:1::/64"], [way("10.1.0.0/24", "v0"), way("fd00:1::/64", "v0")])).toEqual(["v0"]);
  });

  it("is every device that a part of it lies behind, and those of several next hops", () => {
    const ways = [way("10.1.0.0/24", "v0"), way("10.1.1.0/24", "eth4", "wan"), way("10.2.0.0/24", "eth1")];
    expect(found(["10.1.0.0/16"], ways)).toEqual(["v0", "eth4", "wan"]);
  });

  it("is where the narrowest route that covers it leads, a default route only for want of another", () => {
    const ways = [way("0.0.0.0/0", "wan"), way("10.0.0.0/8", "eth4"), way("10.1.0.0/16", "v0")];
    expect(found(["10.1.2.0/24"], ways)).toEqual(["v0"]);
    expect(found(["192.0.2.0/24"], ways)).toEqual(["wan"]);
    expect(found(["10.1.2.0/24", "192.0.2.0/24"], ways)).toEqual([
      "v0",
      ": this host has no route to 192.0.2.0/24 but the default route",
    ]);
    // A part of it is known, so the rest is not looked for outside.
    expect(found(["10.0.0.0/15"], [way("0.0.0.0/0", "wan"), way("10.1.0.0/16", "v0")])).toEqual(["v0"]);
    expect(found(["10.0.0.0/7"], ways)).toEqual(["eth4", "v0"]);
  });

  it("is never the router's own device", () => {
    const ways = [way("10.0.0.0/8", "v0"), way("10.2.0.0/16", "vcpe0"), way("0.0.0.0/0", "vcpe0", "wan")];
    expect(found(["10.0.0.0/8"], ways)).toEqual(["v0"]);
    expect(found(["192.0.2.0/24"], ways)).toEqual([": this host has no route to 192.0.2.0/24"]);
    expect(found([], [], ["vcpe0"])).toEqual(["vcpe0: it is this router's own TUN device"]);
  });

  it("is below bridges, bonds and VLANs", () => {
    const names = ["eth1 (br0)", "eth2 (br0)", "eth3 (br0)"];
    expect(found(["10.1.0.0/24"], [way("10.1.0.0/24", "br0")])).toEqual(names);
    expect(found(["10.1.0.0/24"], [way("10.1.0.0/24", "eth4.7")])).toEqual(["eth4 (eth4.7)"]);
    // A veth's lower link is its other end, not below it.
    expect(found(["10.1.0.0/24"], [way("10.1.0.0/24", "v0")])).toEqual(["v0"]);
    // Both ways to one device.
    expect(found([], [], ["eth4", "eth4.7"])).toEqual(["eth4 (eth4.7)"]);
  });

  it("is nowhere, with the reason", () => {
    expect(found([], [], ["nix", "mac0", "br1", "lo"])).toEqual([
      "nix: there is no such interface",
      "mac0: the device below it is in another network namespace",
      "br1: it has no members",
      "lo: the prefix is this host's own",
    ]);
    expect(found(["10.1.0.0/24", "fd00::/8"], [])).toEqual([": this host has no route to 10.1.0.0/24, fd00::/8"]);
  });

  it("ends where links are stacked in a ring", () => {
    const ring = [link(1, "a", { kind: "vlan", lower: "b" }), link(2, "b", { kind: "vlan", lower: "a" })];
    const { blind } = entrances({ ...question, prefixes: [], interfaces: ["a"] }, ring, []);
    expect(blind).toEqual([{ name: "a", why: "it is stacked too deep" }]);
  });
});

describe("GRO forwarding of a device", () => {
  const feature = (active: boolean, rest = {}) => ({ active, wanted: active, fixed: false, ...rest });
  const features = (gro: object | undefined, forwarding: object | undefined, list = feature(false)) =>
    new Map(
      Object.entries({ "rx-gro": gro, "rx-udp-gro-forwarding": forwarding, "rx-gro-list": list }).filter(
        ([, value]) => value !== undefined,
      ),
    ) as Parameters<typeof forwardingOf>[1];

  it("is on, or can be switched on", () => {
    expect(forwardingOf("e", features(feature(true), feature(true)))).toEqual({ state: "on" });
    expect(forwardingOf("e", features(feature(true), feature(false)))).toEqual({
      state: "ready",
      missing: ["rx-udp-gro-forwarding"],
    });
    expect(forwardingOf("e", features(feature(false), feature(false)))).toEqual({
      state: "ready",
      missing: ["rx-gro", "rx-udp-gro-forwarding"],
    });
  });

  it("cannot be, with the reason", () => {
    expect(forwardingOf("e", features(feature(true), undefined))).toMatchObject({
      state: "cannot",
      why: "this kernel has no rx-udp-gro-forwarding (Linux 5.12 and later)",
    });
    expect(forwardingOf("e", features(feature(true), feature(true), feature(true)))).toEqual({
      state: "cannot",
      why: "rx-gro-list is on, which goes before rx-udp-gro-forwarding",
      next: "Switch it off: ethtool -K e rx-gro-list off.",
    });
    for (const stuck of [{ fixed: true }, { wanted: true }]) {
      expect(forwardingOf("e", features(feature(false, stuck), feature(false)))).toMatchObject({
        state: "cannot",
        why: "the device has no rx-gro",
      });
    }
  });
});
