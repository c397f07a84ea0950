import { expect } from "vitest";
import { BatchError, batchIp } from "../../../src/linux/iproute.ts";
import { addAddresses, deleteAddress, findLink, listAddresses, listLinks, setLink } from "../../../src/linux/links.ts";
import { addNetns, deleteNetns, inNetns, listNetns } from "../../../src/linux/netns.ts";
import { changeRoutes, listRoutes, ROUTE_PROTOCOL } from "../../../src/linux/routes.ts";
import { itAsRoot, withNamespaces } from "./namespace.ts";

itAsRoot("links and addresses of a namespace", async () => {
  await withNamespaces(1, async (netns) => {
    await batchIp([["link", "add", "name", "v0", "type", "veth", "peer", "name", "v1"]], { netns });
    await setLink("v0", { up: true, mtu: 1280 }, { netns });
    expect(await findLink("v0", { netns })).toMatchObject({ name: "v0", mtu: 1280, up: true, kind: "veth" });
    expect((await listLinks({ netns })).map((link) => link.name).sort()).toEqual(["lo", "v0", "v1"]);
    await addAddresses("v0", ["192.0.2.1/24", "2001:db8::1/64"], { netns });
    await addAddresses("v0", ["192.0.2.1/24"], { netns });
    const global = async () =>
      (await listAddresses("v0", { netns })).filter((one) => one.scope === "global").map((one) => one.address);
    expect(await global()).toEqual(["192.0.2.1", "2001:db8::1"]);
    await deleteAddress("v0", "192.0.2.1/24", { netns });
    expect(await global()).toEqual(["2001:db8::1"]);
    await expect(deleteAddress("v0", "192.0.2.1/24", { netns })).rejects.toMatchObject({ code: "absent" });
    await expect(setLink("nix", { up: true }, { netns })).rejects.toMatchObject({
      code: "absent",
      message: expect.stringContaining("Cannot find device"),
    });
  });
});

itAsRoot("routes: made in one batch, found by our protocol, deleted; the failing line is named", async () => {
  await withNamespaces(1, async (netns) => {
    await batchIp([["link", "add", "name", "v0", "type", "veth", "peer", "name", "v1"]], { netns });
    await setLink("v1", { up: true }, { netns });
    await setLink("v0", { up: true }, { netns });
    await addAddresses("v0", ["192.0.2.1/24", "2001:db8::1/64"], { netns });
    const many = Array.from({ length: 500 }, (_, i) => ({ prefix: `10.${i >> 8}.${i & 255}.0/24`, link: "v0" }));
    await changeRoutes("add", many, { netns });
    await changeRoutes(
      "replace",
      [
        { prefix: "0.0.0.0/0", via: "192.0.2.254", metric: 77, mtu: 1400 },
        { prefix: "::/0", link: "v0" },
        { prefix: "fd00:2::/64", kind: "blackhole" },
        { prefix: "10.99.0.1/32", link: "v0", source: "192.0.2.1", protocol: 4 },
      ],
      { netns },
    );
    const ours = await listRoutes({ protocol: ROUTE_PROTOCOL }, { netns });
    expect(ours).toHaveLength(503);
    expect(ours).toContainEqual({
      prefix: "0.0.0.0/0",
      kind: "unicast",
      link: "v0",
      via: "192.0.2.254",
      metric: 77,
      mtu: 1400,
      protocol: 118,
      table: 254,
    });
    expect(ours).toContainEqual(expect.objectContaining({ prefix: "fd00:2::/64", kind: "blackhole" }));
    expect(await listRoutes({ protocol: 4 }, { netns })).toEqual([
      { prefix: "10.99.0.1/32", kind: "unicast", link: "v0", source: "192.0.2.1", protocol: 4, table: 254 },
    ]);
    const failure = changeRoutes("add", [{ prefix: "10.200.0.0/24", link: "v0" }, many[3], many[4]], { netns });
    await expect(failure).rejects.toBeInstanceOf(BatchError);
    await expect(failure).rejects.toMatchObject({
      line: 1,
      code: "exists",
      tried: expect.stringContaining("10.0.3.0/24"),
    });
    await expect(
      changeRoutes("add", [{ prefix: "10.201.0.0/24", via: "203.0.113.1" }], { netns }),
    ).rejects.toMatchObject({ code: "unreachable" });
    await changeRoutes("delete", ours, { netns });
    expect(await listRoutes({ protocol: ROUTE_PROTOCOL }, { netns })).toHaveLength(1);
    await expect(changeRoutes("delete", [many[0]], { netns })).rejects.toMatchObject({ code: "absent", line: 0 });
  });
});

itAsRoot("namespaces by name", async () => {
  const name = `vcpe-n${process.pid}`;
  await addNetns(name);
  try {
    expect(await listNetns()).toContain(name);
    await expect(addNetns(name)).rejects.toMatchObject({ code: "exists" });
  } finally {
    await deleteNetns(name);
  }
  expect(await listNetns()).not.toContain(name);
  await expect(deleteNetns(name)).rejects.toMatchObject({ code: "absent" });
  await expect(addNetns("../x")).rejects.toMatchObject({ code: "invalid" });
  expect(inNetns("a", ["ping", "::1"])).toEqual(["ip", "netns", "exec", "a", "ping", "::1"]);
});

itAsRoot("an argument that a batch would split or comment out is refused before anything runs", async () => {
  await withNamespaces(1, async (netns) => {
    const lines = [
      ["link", "add", "name", "v0", "type", "veth"],
      ["link", "add", "name", "v1 type", "dummy"],
    ];
    await expect(batchIp(lines, { netns })).rejects.toMatchObject({ code: "invalid", line: 1 });
    expect(await findLink("v0", { netns })).toBeUndefined();
  });
});
