/**
 * A datapath in a process of its own, run inside a namespace: a TUN, a tunnel, and Child SAs with keys that the test chooses.
 * Takes one JSON command a line on standard input, answers one JSON line each: {"id", "result"} or {"id", "error"}.
 */
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";
import { openPlane } from "../../../src/datapath/open.ts";
import type {
  ChildHandle,
  Cipher,
  Outer,
  Plane,
  PlaneEvent,
  Prefix,
  SelectorRange,
} from "../../../src/datapath/plane.ts";
import { addAddresses, setLink } from "../../../src/linux/links.ts";
import { changeRoutes } from "../../../src/linux/routes.ts";

export interface OpenCommand {
  readonly workers: number;
  readonly ikePort: number;
  readonly natPort: number;
  /** Addresses of the TUN, "10.1.0.1/32". */
  readonly addresses: readonly string[];
  /** Prefixes behind the peer, and our own, as octets. */
  readonly remote: readonly { readonly text: string; readonly octets: readonly number[]; readonly length: number }[];
  readonly local: readonly { readonly octets: readonly number[]; readonly length: number }[];
  readonly tunMtu: number;
  readonly tunnelMtu: number;
}

export interface InstallCommand {
  readonly name: string;
  readonly cipher: Cipher;
  readonly esn: boolean;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly keyIn: readonly number[];
  readonly keyOut: readonly number[];
  readonly localAddress: readonly number[];
  readonly remoteAddress: readonly number[];
  /** Ports of outer UDP; absent: the NAT port at both ends. */
  readonly remotePort?: number;
}

/**
 * Datagrams of one asker that may be under way. An echo that is kept from its CPU reads none: more than its socket holds, some 160 of 500
 * bytes, would be lost there, behind the datapath.
 */
const ROOM = 8;

let plane: Plane;
let vrf: number;
let tun: number;
let tunnel: number;
let natPort: number;
const children = new Map<string, ChildHandle>();
const events: PlaneEvent[] = [];
const ike: { remote: number[]; local: number[]; ports: number[]; bytes: number[] }[] = [];

const prefix = (one: { readonly octets: readonly number[]; readonly length: number }): Prefix => ({
  address: Uint8Array.from(one.octets),
  length: one.length,
});
const whole = (bytes: number): SelectorRange => ({
  protocol: 0,
  portLow: 0,
  portHigh: 65535,
  low: new Uint8Array(bytes),
  high: new Uint8Array(bytes).fill(255),
});
const outerOf = (c: Pick<InstallCommand, "localAddress" | "remoteAddress" | "remotePort">): Outer => ({
  local: { address: Uint8Array.from(c.localAddress), port: natPort },
  remote: { address: Uint8Array.from(c.remoteAddress), port: c.remotePort ?? natPort },
});

async function makeTun(command: OpenCommand): Promise<void> {
  tun = plane.addTun("vcpe-p0", vrf);
  await addAddresses("vcpe-p0", command.addresses);
  await setLink("vcpe-p0", { up: true, mtu: command.tunMtu });
  await changeRoutes(
    "replace",
    command.remote.map((one) => ({ prefix: one.text, link: "vcpe-p0" })),
  );
  for (const one of command.local) plane.setRoute(vrf, prefix(one), tun);
}

const actions: Record<string, (argument: never) => unknown> = {
  async open(command: OpenCommand) {
    plane = await openPlane({
      workers: command.workers,
      sas: 64,
      adjacencies: 16,
      fib: 1 << 20,
      ikePort: command.ikePort,
      natPort: command.natPort,
    });
    natPort = plane.natPort;
    plane.onEvent = (event) => events.push(event);
    plane.onIke = ({ remote, local, bytes }) =>
      ike.push({
        remote: [...remote.address],
        local: [...local.address],
        ports: [remote.port, local.port],
        bytes: [...bytes],
      });
    vrf = plane.addVrf();
    await makeTun(command);
    tunnel = plane.addTunnel(command.tunnelMtu);
    for (const one of command.remote) plane.setRoute(vrf, prefix(one), tunnel);
    return { ikePort: plane.ikePort, natPort, tunnel };
  },
  reserve: () => plane.reserveSpi(),
  install(c: InstallCommand) {
    const half = (spi: number, key: readonly number[]) => ({
      spi,
      cipher: c.cipher,
      esn: c.esn,
      key: Uint8Array.from(key),
      salt: Uint8Array.of(1, 2, 3, key[0]),
    });
    const every = [whole(4), whole(16)];
    const child = plane.addChild({
      inbound: half(c.spiIn, c.keyIn),
      outbound: half(c.spiOut, c.keyOut),
      selectors: { local: every, remote: every },
      adjacency: tunnel,
      vrf,
      outer: outerOf(c),
    });
    children.set(c.name, child);
    return child.id;
  },
  transmit: ({ name, instead }: { name: string; instead?: string }) =>
    plane.transmit(children.get(name)!, instead === undefined ? undefined : children.get(instead)),
  remove: (name: string) => plane.removeChild(children.get(name)!),
  move: (c: InstallCommand) => plane.setOuter(children.get(c.name)!, outerOf(c)),
  mtu: (mtu: number) => plane.setTunnelMtu(tunnel, mtu),
  sendIke: ({ port, to, address }: { port: "ikePort" | "natPort"; to: number; address: number[] }) => {
    const bytes = new Uint8Array(40).fill(7);
    new DataView(bytes.buffer).setUint32(24, 40);
    const local = { address: new Uint8Array(address.length), port: plane[port] };
    return plane.sendIke({ local, remote: { address: Uint8Array.from(address), port: to }, bytes });
  },
  async retun(command: OpenCommand) {
    for (const one of command.local) plane.removeRoute(vrf, prefix(one));
    plane.removeTun(tun);
    await makeTun(command);
    return tun;
  },
  /** Answers every UDP datagram on this port with itself. */
  async echo(port: number) {
    for (const type of ["udp4", "udp6"] as const) {
      const socket = createSocket({ type, ipv6Only: type === "udp6", recvBufferSize: 4 << 20 });
      socket.on("message", (message, from) => socket.send(message, from.port, from.address));
      await new Promise<void>((resolve) => socket.bind(port, resolve));
    }
  },
  /** Sends datagrams one by one, and no more than have room; how many came back whole before nothing came for `patience` ms. */
  async ask(c: { to: string; port: number; count: number; size: number; gap: number; patience: number }) {
    const socket = createSocket(c.to.includes(":") ? "udp6" : "udp4");
    let back = 0;
    let heard = performance.now();
    socket.on("message", (message) => {
      heard = performance.now();
      if (message.length === c.size && message.every((byte) => byte === message[0])) back++;
    });
    socket.on("error", () => {});
    const silent = () => performance.now() - heard > c.patience;
    for (let i = 0; i < c.count; i++) {
      while (i - back >= ROOM && !silent()) await new Promise((resolve) => setTimeout(resolve, 1));
      socket.send(Buffer.alloc(c.size, i & 255), c.port, c.to, () => {});
      if (c.gap > 0) await new Promise((resolve) => setTimeout(resolve, c.gap));
    }
    heard = performance.now();
    while (back < c.count && !silent()) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.close();
    return back;
  },
  look: () => ({
    counters: Object.fromEntries(Object.entries(plane.counters()).filter(([, value]) => value !== 0)),
    events: events.map((event) => {
      if (event.kind === "moved") return { ...event, remote: [...event.remote.address] };
      return event.kind === "failed" ? { ...event, error: event.error.message } : event;
    }),
    ike,
    traffic: Object.fromEntries(
      [...children].flatMap(([name, child]) => {
        try {
          const { inbound, outbound } = plane.traffic(child);
          return [[name, { in: inbound.packets, out: outbound.packets }]];
        } catch {
          return [];
        }
      }),
    ),
  }),
  close: () => plane.close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, action, argument } = JSON.parse(line);
  // Not awaited: a stream of packets may run while other commands come in.
  void (async () => {
    try {
      const result = await actions[action](argument as never);
      process.stdout.write(`${JSON.stringify({ id, result })}\n`);
    } catch (error) {
      process.stdout.write(`${JSON.stringify({ id, error: String(error instanceof Error ? error.stack : error) })}\n`);
    }
  })();
}
