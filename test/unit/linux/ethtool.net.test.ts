import { expect } from "vitest";
import { batchIp } from "../../../src/linux/iproute.ts";
import { addAddresses, listLinks, setLink } from "../../../src/linux/links.ts";
import { changeRoutes, waysTo } from "../../../src/linux/routes.ts";
import { itAsRoot, runInside, withNamespaces } from "./namespace.ts";

itAsRoot("features of a device, how it gathers packets, and a bell for changes", async () => {
  await withNamespaces(1, async (netns) => {
    await batchIp([["link", "add", "name", "v0", "type", "veth", "peer", "name", "v1"]], { netns });
    const told = await runInside(netns, "ethtool.child.ts");
    expect(told).toMatchObject({
      quiet: false,
      before: { active: false, wanted: false, fixed: false },
      rang: [true, false],
      after: { active: true, wanted: true },
      back: { active: false, wanted: false },
      napi: [0, 12_345],
      refusals: {
        fixed: { code: "unsupported", message: "Could not switch rx-gro-hw of v0 on: the device keeps it off." },
        unknown: { code: "unsupported", message: expect.stringContaining("this kernel has no rx-nix") },
        absent: { code: "absent" },
        name: { code: "absent" },
        otherNamespace: { code: "absent", message: expect.stringContaining("another link of this name") },
        nobody: { code: "not-permitted" },
      },
    });
  });
});

itAsRoot("ways to prefixes: routes inside, routes that cover, all next hops; and what links sit on", async () => {
  await withNamespaces(1, async (netns) => {
    await batchIp(
      [
        ["link", "add", "name", "br0", "type", "bridge"],
        ["link", "add", "name", "v0", "type", "veth", "peer", "name", "v1"],
        ["link", "add", "name", "w0", "type", "veth", "peer", "name", "w1"],
        ["link", "set", "dev", "w0", "master", "br0"],
      ],
      { netns },
    );
    for (const name of ["v0", "v1", "br0"]) await setLink(name, { up: true }, { netns });
    await addAddresses("v0", ["10.1.0.1/24", "fd00:1::1/64"], { netns });
    await addAddresses("br0", ["10.1.1.1/24"], { netns });
    await changeRoutes(
      "add",
      [
        { prefix: "0.0.0.0/0", via: "10.1.0.254" },
        { prefix: "10.1.2.0/24", kind: "blackhole" },
        { prefix: "10.200.0.0/16", link: "v0" },
      ],
      { netns },
    );
    await batchIp([["route", "add", "10.1.3.0/24", "nexthop", "via", "10.1.0.3", "nexthop", "via", "10.1.1.3"]], {
      netns,
    });
    const ways = await waysTo(["10.1.0.0/16", "10.9.0.0/16", "fd00:1::/64", "fd00:2::/64"], { netns });
    const sorted = ways.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));
    expect(sorted).toEqual([
      { prefix: "0.0.0.0/0", links: ["v0"] },
      { prefix: "10.1.0.0/24", links: ["v0"] },
      { prefix: "10.1.1.0/24", links: ["br0"] },
      { prefix: "10.1.3.0/24", links: ["v0", "br0"] },
      { prefix: "fd00:1::/64", links: ["v0"] },
    ]);
    expect(await waysTo([], { netns })).toEqual([]);
    const many = Array.from({ length: 40 }, (_, i) => `10.1.${i}.0/24`);
    expect(await waysTo(many, { netns })).toEqual(expect.arrayContaining(sorted.slice(0, 4)));
    expect((await listLinks({ netns })).find(({ name }) => name === "w0")).toMatchObject({
      master: "br0",
      lower: "w1",
    });
  });
});
