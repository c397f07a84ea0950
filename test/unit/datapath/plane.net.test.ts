import { describe, expect } from "vitest";
import { setLink } from "../../../src/linux/links.ts";
import { itAsRoot } from "../linux/namespace.ts";
import type { Peer } from "./peer.ts";
import { ask, askInVain, install, type Look, outer4, outer6, up, withPeers } from "./wire.ts";

/** Packets of this Child SA that one side has sealed and the other not yet opened. */
async function underWay(a: Peer, b: Peer, name: string): Promise<number> {
  const [here, there] = await Promise.all([a.call<Look>("look"), b.call<Look>("look")]);
  const [ours, theirs] = [here.traffic[name]!, there.traffic[name]!];
  return ours.out - theirs.in + theirs.out - ours.in;
}

describe("two datapaths on a wire", () => {
  itAsRoot("carry IPv4 and IPv6 with every cipher over IPv4 and over IPv6", async () => {
    await withPeers(async ({ a, b }) => {
      await b.call("echo", 7000);
      let seed = 1;
      let before = "";
      for (const cipher of ["chacha20poly1305", "aes128gcm16", "aes256gcm16"] as const) {
        for (const outer of [outer4, outer6]) {
          const name = `${cipher} ${outer.a.length}`;
          await install(a, b, name, { cipher, outer, esn: seed % 2 === 1, seed });
          await Promise.all([
            a.call("transmit", { name, instead: before === "" ? undefined : before }),
            b.call("transmit", { name, instead: before === "" ? undefined : before }),
          ]);
          expect([name, await ask(a, "10.2.0.1", 50, 1000)]).toEqual([name, 50]);
          expect([name, await ask(a, "fd00:2::1", 50, 37)]).toEqual([name, 50]);
          const { traffic } = await a.call<Look>("look");
          expect(traffic[name]).toEqual({ in: 100, out: 100 });
          before = name;
          seed++;
        }
      }
      const { counters } = await b.call<Look>("look");
      expect(counters).toMatchObject({ delivered: 600, encapsulated: 600 });
      expect(Object.keys(counters).filter((name) => /forged|replayed|malformed|refused|trailer/.test(name))).toEqual(
        [],
      );
    });
  });

  itAsRoot(
    "a rekey under a stream of packets loses none",
    async () => {
      await withPeers(async ({ a, b }) => {
        await b.call("echo", 7000);
        await up(a, b, "0");
        const stream = ask(a, "10.2.0.1", 1000, 200, 1);
        for (let i = 1; i <= 20; i++) {
          await install(a, b, `${i}`, { seed: i + 1 });
          await a.call("transmit", { name: `${i}`, instead: `${i - 1}` });
          await b.call("transmit", { name: `${i}`, instead: `${i - 1}` });
          await new Promise((resolve) => setTimeout(resolve, 20));
          // However long a side was kept from its CPU: what the old one sealed has been opened.
          await expect.poll(() => underWay(a, b, `${i - 1}`)).toBe(0);
          await Promise.all([a.call("remove", `${i - 1}`), b.call("remove", `${i - 1}`)]);
        }
        expect(await stream).toBe(1000);
        const { counters, traffic } = await a.call<Look>("look");
        expect(counters).toMatchObject({ encapsulated: 1000, delivered: 1000 });
        expect(Object.keys(traffic)).toEqual(["20"]);
      });
    },
    60_000,
  );

  itAsRoot("two workers share ports, TUN and SA", async () => {
    await withPeers(
      async ({ a, b }) => {
        await b.call("echo", 7000);
        await up(a, b, "one");
        // Several sockets, so that both TUN queues see packets.
        const back = await Promise.all(Array.from({ length: 8 }, () => ask(a, "10.2.0.1", 100, 500, 1)));
        expect(back).toEqual(new Array(8).fill(100));
        const sides = await Promise.all([a.call<Look>("look"), b.call<Look>("look")]);
        for (const { counters } of sides) {
          expect(counters).toMatchObject({ encapsulated: 800, delivered: 800 });
          expect(Object.keys(counters).filter((name) => /replayed|wrong-worker|unknown/.test(name))).toEqual([]);
        }
      },
      { workers: 2 },
    );
  });

  itAsRoot(
    "a datagram larger than the path: an event with its MTU; what must pass on a narrow path goes in fragments",
    async () => {
      await withPeers(
        async ({ a, b, names }) => {
          await b.call("echo", 7000);
          await up(a, b, "one");
          expect(await ask(a, "10.2.0.1", 5, 1300)).toBe(5);
          await setLink("wire", { mtu: 1300 }, { netns: names.a });
          await setLink("wire", { mtu: 1300 }, { netns: names.b });
          expect(await askInVain(a, "10.2.0.1", 2, 1372)).toBe(0);
          await expect
            .poll(async () => (await a.call<Look>("look")).events)
            .toContainEqual({ kind: "path-mtu", child: 1, mtu: 1300 });
          expect((await a.call<Look>("look")).counters["send-too-big"]).toBeGreaterThan(0);
          // 1,280 bytes of IPv6 inside: 40 + 8 + 1232. The datagram around it is larger than the link.
          await a.call("mtu", 1240);
          await b.call("mtu", 1240);
          expect(await ask(a, "fd00:2::1", 20, 1232)).toBe(20);
          await install(a, b, "six", { outer: outer6, seed: 2 });
          const name = { name: "six", instead: "one" };
          await Promise.all([a.call("transmit", name), b.call("transmit", name)]);
          expect(await ask(a, "fd00:2::1", 20, 1232)).toBe(20);
        },
        { tunnelMtu: 0 },
      );
    },
  );
});
