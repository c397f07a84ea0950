/** Two datapaths in namespaces of their own, on a wire; Child SAs between them with keys that the test knows. */
import { batchIp } from "../../../src/linux/iproute.ts";
import { addAddresses, setLink } from "../../../src/linux/links.ts";
import { withNamespaces } from "../linux/namespace.ts";
import type { InstallCommand, OpenCommand } from "./peer.child.ts";
import { Peer } from "./peer.ts";

/** What a side has counted and been told. */
export interface Look {
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
export const outer4 = { a: [192, 0, 2, 1], b: [192, 0, 2, 2] };
export const outer6 = { a: host6(0xee, 1), b: host6(0xee, 2) };

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

/** What a side is opened with. */
export function opening(side: Side, more: Partial<OpenCommand> = {}): OpenCommand {
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
export async function withPeers(
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
export async function install(
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

/** … and sending. */
export async function up(a: Peer, b: Peer, name: string, more: Parameters<typeof install>[3] = {}): Promise<void> {
  await install(a, b, name, more);
  await Promise.all([a.call("transmit", { name }), b.call("transmit", { name })]);
}

/** How many of `count` datagrams, `gap` ms apart, came back, however busy the machine is. */
export const ask = (peer: Peer, to: string, count: number, size = 64, gap = 1): Promise<number> =>
  peer.call<number>("ask", { to, port: 7000, count, size, gap, patience: 10_000 });

/** The same where none should: a second is long enough to hear one. */
export const askInVain = (peer: Peer, to: string, count: number, size = 64): Promise<number> =>
  peer.call<number>("ask", { to, port: 7000, count, size, gap: 1, patience: 1000 });
