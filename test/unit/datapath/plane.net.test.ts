import { describe, expect } from "vitest";
import { batchIp } from "../../../src/linux/iproute.ts";
import { addAddresses, deleteLink, findLink, setLink } from "../../../src/linux/links.ts";
import { itAsRoot, withNamespaces } from "../linux/namespace.ts";
import type { InstallCommand, OpenCommand } from "./peer.child.ts";
import { Peer } from "./peer.ts";

interface Look {
  readonly counters: Record<string, number>;
  readonly events: {
    readonly kind: string;
    readonly mtu?: number;
    readonly remote?: number[];
    readonly child?: number;
  }[];
  readonly ike: { remote: number[]; local: number[]; ports: number[]; bytes: number[] }[];
  readonly traffic: Record<string, { in: number; out: number }>;
}

const six = (...last: number[]) => [0xfd, 0, 0, ...last, ...new Array(16 - 3 - last.length).fill(0)];
const host6 = (net: number, host: number) => [0xfd, 0, 0, net, ...new Array(11).fill(0), host];
const outer4 = { a: [192, 0, 2, 1], b: [192, 0, 2, 2] };
const outer6 = { a: host6(0xee, 1), b: host6(0xee, 2) };

const sides = {
  a: {
    addresses: ["10.1.0.1/32", "fd00:1::1/128"],
    octets: [10, 1, 0, 0],
    net6: 1,
    text: "10.1.0.0/16",
    text6: "fd00:1::/32",
  },
  b: {
    addresses: ["10.2.0.1/32", "fd00:2::1/128"],
    octets: [10, 2, 0, 0],
    net6: 2,
    text: "10.2.0.0/16",
    text6: "fd00:2::/32",
  },
};
type Side = keyof typeof sides;

function opening(side: Side, more: Partial<OpenCommand> = {}): OpenCommand {
  const own = sides[side];
  const other = sides[side === "a" ? "b" : "a"];
  const prefixes = (of: typeof own) => [
    { text: of.text, octets: of.octets, length: 16 },
    { text: of.text6, octets: six(of.net6), length: 32 },
  ];
  return {
    workers: 1,
    ikePort: 500,
    natPort: 4500,
    addresses: own.addresses,
    remote: prefixes(other),
    local: prefixes(own),
    tunMtu: 1400,
    tunnelMtu: 1400,
    ...more,
  };
}

/** Two namespaces on a wire, a datapath in each. */
async function withPeers(
  body: (peers: { a: Peer; b: Peer; names: { a: string; b: string } }) => Promise<void>,
  more: Partial<OpenCommand> = {},
): Promise<void> {
  await withNamespaces(2, async (nameA, nameB) => {
    await batchIp([
      ["link", "add", "name", "wire", "netns", nameA, "type", "veth", "peer", "name", "wire", "netns", nameB],
    ]);
    const wire = async (netns: string, host: number): Promise<void> => {
      await addAddresses("wire", [`192.0.2.${host}/24`, `fd00:ee::${host}/64`], { netns });
      await setLink("wire", { up: true }, { netns });
    };
    await wire(nameA, 1);
    await wire(nameB, 2);
    const a = new Peer(nameA);
    const b = new Peer(nameB);
    try {
      await Promise.all([a.call("open", opening("a", more)), b.call("open", opening("b", more))]);
      await body({ a, b, names: { a: nameA, b: nameB } });
    } finally {
      await Promise.all([a.kill(), b.kill()]);
    }
  });
}

/** The same Child SA in both, with keys of its own, not yet sending. */
async function install(
  a: Peer,
  b: Peer,
  name: string,
  more: { cipher?: InstallCommand["cipher"]; esn?: boolean; outer?: typeof outer4; seed?: number } = {},
): Promise<void> {
  const { cipher = "chacha20poly1305", esn = true, outer = outer4, seed = 1 } = more;
  const bytes = cipher === "aes128gcm16" ? 16 : 32;
  const key = (first: number) => Array.from({ length: bytes }, (_, i) => (first + i * 7) & 255);
  const spiA = await a.call<number>("reserve");
  const spiB = await b.call<number>("reserve");
  const common = { name, cipher, esn };
  const [toB, toA] = [key(seed), key(seed + 100)];
  await Promise.all([
    a.call("install", {
      ...common,
      spiIn: spiA,
      spiOut: spiB,
      keyIn: toA,
      keyOut: toB,
      localAddress: outer.a,
      remoteAddress: outer.b,
    }),
    b.call("install", {
      ...common,
      spiIn: spiB,
      spiOut: spiA,
      keyIn: toB,
      keyOut: toA,
      localAddress: outer.b,
      remoteAddress: outer.a,
    }),
  ]);
}

async function up(a: Peer, b: Peer, name: string, more: Parameters<typeof install>[3] = {}): Promise<void> {
  await install(a, b, name, more);
  await Promise.all([a.call("transmit", { name }), b.call("transmit", { name })]);
}

const ask = (peer: Peer, to: string, count: number, size = 64, gap = 1): Promise<number> =>
  peer.call<number>("ask", { to, port: 7000, count, size, gap });

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
      },
      { workers: 2 },
    );
  });

  itAsRoot("IKE messages arrive with all addresses, with and without the non-ESP marker", async () => {
    await withPeers(async ({ a, b }) => {
      expect(await a.call("sendIke", { port: "ikePort", to: 500, address: outer4.b })).toBe(true);
      expect(await a.call("sendIke", { port: "natPort", to: 4500, address: outer4.b })).toBe(true);
      expect(await a.call("sendIke", { port: "natPort", to: 4500, address: outer6.b })).toBe(true);
      expect(await a.call("sendIke", { port: "natPort", to: 4500, address: [203, 0, 113, 9] })).toBe(false);
      // A fresh link's first neighbour solicitation may be lost, and is repeated after a second.
      await expect.poll(async () => (await b.call<Look>("look")).ike.length, { timeout: 5000 }).toBe(3);
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
      await ask(a, "10.2.0.1", 1);
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
      expect(await ask(a, "10.2.0.1", 1)).toBe(0);
      await expect
        .poll(async () => (await b.call<Look>("look")).events.map((event) => event.kind))
        .toContain("unknown-spi");
    });
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
          expect(await ask(a, "10.2.0.1", 2, 1372)).toBe(0);
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
        .poll(async () => (await a.call<Look>("look")).events, { timeout: 5000 })
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
