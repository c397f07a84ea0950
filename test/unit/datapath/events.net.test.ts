import { describe, expect } from "vitest";
import { addAddresses, deleteLink, findLink } from "../../../src/linux/links.ts";
import { itAsRoot } from "../linux/namespace.ts";
import { Peer } from "./peer.ts";
import { ask, askInVain, type Look, opening, outer4, outer6, up, withPeers } from "./wire.ts";

describe("what a datapath tells its router, and leaves of itself", () => {
  itAsRoot("IKE messages arrive with all addresses, with and without the non-ESP marker", async () => {
    await withPeers(async ({ a, b }) => {
      expect(await a.call("sendIke", { port: "ikePort", to: 500, address: outer4.b })).toBe(true);
      expect(await a.call("sendIke", { port: "natPort", to: 4500, address: outer4.b })).toBe(true);
      expect(await a.call("sendIke", { port: "natPort", to: 4500, address: outer6.b })).toBe(true);
      expect(await a.call("sendIke", { port: "natPort", to: 4500, address: [203, 0, 113, 9] })).toBe(false);
      // A fresh link's first neighbour solicitation may be lost, and is repeated after a second.
      await expect.poll(async () => (await b.call<Look>("look")).ike.length).toBe(3);
      const { ike } = await b.call<Look>("look");
      const bytes = new Array(40).fill(7);
      bytes.splice(24, 4, 0, 0, 0, 40);
      expect(ike).toEqual([
        { remote: outer4.a, local: outer4.b, ports: [500, 500], bytes },
        { remote: outer4.a, local: outer4.b, ports: [4500, 4500], bytes },
        { remote: outer6.a, local: outer6.b, ports: [4500, 4500], bytes },
      ]);
      expect((await a.call<Look>("look")).counters["ike-send-refused"]).toBe(1);
    });
  });

  itAsRoot("events: a packet wants a tunnel, an unknown SPI, a peer that moved", async () => {
    await withPeers(async ({ a, b, names }) => {
      await b.call("echo", 7000);
      expect(await askInVain(a, "10.2.0.1", 1)).toBe(0);
      await expect
        .poll(async () => (await a.call<Look>("look")).events)
        .toContainEqual({ kind: "acquire", adjacency: 4 });
      await up(a, b, "one");
      expect(await ask(a, "10.2.0.1", 10)).toBe(10);
      // A's packets come from another address: B is told, follows, and the answers arrive there.
      await addAddresses("wire", ["192.0.2.99/24"], { netns: names.a });
      await a.call("move", { name: "one", localAddress: [192, 0, 2, 99], remoteAddress: outer4.b });
      expect(await ask(a, "10.2.0.1", 10)).toBe(10);
      await expect
        .poll(async () => (await b.call<Look>("look")).events.filter((event) => event.kind === "moved"))
        .toEqual([{ kind: "moved", child: 1, remote: [192, 0, 2, 99] }]);
      await b.call("move", { name: "one", localAddress: outer4.b, remoteAddress: [192, 0, 2, 99] });
      expect(await ask(a, "10.2.0.1", 10)).toBe(10);
      await b.call("remove", "one");
      expect(await askInVain(a, "10.2.0.1", 1)).toBe(0);
      await expect
        .poll(async () => (await b.call<Look>("look")).events.map((event) => event.kind))
        .toContain("unknown-spi");
    });
  });

  itAsRoot("a TUN device goes and comes back under its name while packets run", async () => {
    await withPeers(async ({ a, b, names }) => {
      await b.call("echo", 7000);
      await up(a, b, "one");
      expect(await ask(a, "10.2.0.1", 10)).toBe(10);
      for (let i = 0; i < 5; i++) await a.call("retun", opening("a"));
      expect(await findLink("vcpe-p0", { netns: names.a })).toMatchObject({ up: true });
      expect(await ask(a, "10.2.0.1", 10)).toBe(10);
    });
  });

  itAsRoot("a TUN device that somebody deletes is an event that names it, and nothing else ends", async () => {
    await withPeers(async ({ a, names }) => {
      await deleteLink("vcpe-p0", { netns: names.a });
      await expect
        .poll(async () => (await a.call<Look>("look")).events)
        .toContainEqual({ kind: "tun-gone", adjacency: expect.any(Number) });
      const { events } = await a.call<Look>("look");
      expect(events.filter(({ kind }) => kind === "tun-gone" || kind === "failed")).toHaveLength(1);
      await a.call("close");
    });
  });

  itAsRoot("killed, it leaves no device and no port behind; closed, neither", async () => {
    await withPeers(async ({ a, names }) => {
      await a.kill();
      expect(await findLink("vcpe-p0", { netns: names.a })).toBeUndefined();
      const again = new Peer(names.a);
      try {
        expect(await again.call("open", opening("a"))).toMatchObject({ ikePort: 500, natPort: 4500 });
        await again.call("close");
        expect(await findLink("vcpe-p0", { netns: names.a })).toBeUndefined();
        await again.end();
      } finally {
        await again.kill();
      }
    });
  });

  itAsRoot("a port that another holds is named", async () => {
    await withPeers(async ({ names }) => {
      const second = new Peer(names.a);
      try {
        await expect(second.call("open", opening("a"))).rejects.toThrow(/bind UDP 0\.0\.0\.0:500.*EADDRINUSE/);
      } finally {
        await second.kill();
      }
    });
  });
});
