/**
 * A tiny program of its own: flows of UDP datagrams whose every byte is known.
 *   node datagrams.ts receive PORT                     answers the last datagram of each burst
 *   node datagrams.ts send ADDRESS PORT ROUNDS FLOWS   FLOWS: JSON, see Flow; a burst on every flow each round
 *   node datagrams.ts features LINK…                   features and NAPI settings that GRO forwarding needs, of links
 *   node datagrams.ts switch LINK FEATURE on|off
 * The receiver prints a line of JSON when nothing has come for 0.4 s: what each flow brought, how much of it came before its turn, or
 * had another length or content than was sent. Sender and receiver keep in step, so that nothing is lost in a queue.
 */
import { createSocket } from "node:dgram";
import { readFeatures, setFeature } from "../../src/linux/ethtool.ts";
import { connect, hostAddress, poll, read, write } from "../../src/linux/ffi.ts";
import { listLinks } from "../../src/linux/links.ts";
import { NAPI_SETTINGS, readNapi } from "../../src/linux/napi.ts";
import { nameInRoom, setOption, udpSocket } from "../../src/linux/udp.ts";
import { parseAddress } from "../../src/router/address.ts";

/** `sizes`: bytes of the datagrams of one burst, in order; each at least 12. `df` false: may be fragmented. */
export interface Flow {
  readonly sizes: readonly number[];
  readonly tos?: number;
  readonly ttl?: number;
  readonly df?: boolean;
}

export interface Sums {
  received: number;
  early: number;
  wrong: number;
}

/** Flow, number, length, then bytes that depend on all of them and on their place. */
function fill(bytes: Uint8Array, flow: number, number: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, flow);
  view.setUint32(4, number);
  view.setUint32(8, bytes.length);
  for (let i = 12; i < bytes.length; i++) bytes[i] = (i * 7 + (i >>> 8) * 11 + number * 31 + flow * 101) & 255;
}

function receive(port: number): void {
  const flows = new Map<number, Sums & { next: number }>();
  let quiet: NodeJS.Timeout | undefined;
  const socket = createSocket({ type: "udp6", ipv6Only: false, recvBufferSize: 4 << 20 });
  socket.on("message", (message, from) => {
    const flow = message.readUInt32BE(0);
    const number = message.readUInt32BE(4) & 0x7fffffff;
    const last = message.readUInt32BE(4) >>> 31;
    const sums = flows.get(flow) ?? { received: 0, early: 0, wrong: 0, next: 0 };
    flows.set(flow, sums);
    sums.received++;
    if (number < sums.next) sums.early++;
    sums.next = number + 1;
    const wanted = Buffer.alloc(message.length);
    fill(wanted, flow, message.readUInt32BE(4));
    if (!wanted.equals(message)) sums.wrong++;
    if (last === 1) socket.send(message.subarray(0, 8), from.port, from.address);
    clearTimeout(quiet);
    quiet = setTimeout(() => process.stdout.write(`${JSON.stringify(Object.fromEntries(flows))}\n`), 400);
  });
  socket.bind(port, "::", () => process.stdout.write("receiving\n"));
}

const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_MTU_DISCOVER = 10;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_TCLASS = 67;
const POLLIN = 1;

function open(address: Uint8Array, port: number, { tos = 0, ttl = 64, df = true }: Flow): number {
  const fd = udpSocket(address.length === 4 ? 4 : 6);
  if (address.length === 4) {
    setOption(fd, IPPROTO_IP, IP_TOS, tos);
    setOption(fd, IPPROTO_IP, IP_TTL, ttl);
    if (!df) setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, 0);
  } else {
    setOption(fd, IPPROTO_IPV6, IPV6_TCLASS, tos);
    setOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);
  }
  const name = nameInRoom({ address, port });
  if (connect(fd, name.address, name.length) < 0) throw new Error("connect failed");
  return fd;
}

/** Waits for one datagram, which it drops. */
function answered(fd: number, ms: number): boolean {
  const view = new DataView(new ArrayBuffer(16));
  view.setInt32(0, fd, true);
  view.setUint32(4, POLLIN, true);
  if (poll(hostAddress(view), 1, ms) <= 0) return false;
  return read(fd, hostAddress(view) + 8, 8) > 0;
}

/** How long a burst's answer may take, ms: as long as a receiver may be kept from its CPU. */
const PATIENCE = 5000;

function send(address: string, port: number, rounds: number, flows: readonly Flow[]): void {
  const buffer = new Uint8Array(new ArrayBuffer(65536));
  const fds = flows.map((flow) => open(parseAddress(address)!, port, flow));
  const numbers = flows.map(() => 0);
  let unanswered = 0;
  const one = (flow: number, index: number): void => {
    const { sizes } = flows[flow]!;
    const bytes = buffer.subarray(0, sizes[index]);
    fill(bytes, flow, numbers[flow]!++ + (index === sizes.length - 1 ? 2 ** 31 : 0));
    if (write(fds[flow]!, hostAddress(buffer), bytes.length) !== bytes.length) throw new Error("write failed");
  };
  // Where something is lost the rest tells nothing new.
  for (let round = 0; round < rounds && unanswered === 0; round++) {
    if (round % 2 === 0) {
      // Burst after burst: long runs of one flow.
      flows.forEach(({ sizes }, flow) => {
        for (let i = 0; i < sizes.length; i++) one(flow, i);
      });
    } else {
      // In turn: neighbours are of different flows.
      const longest = Math.max(...flows.map(({ sizes }) => sizes.length));
      for (let i = 0; i < longest; i++) {
        flows.forEach(({ sizes }, flow) => {
          if (i < sizes.length) one(flow, i);
        });
      }
    }
    for (const fd of fds) if (!answered(fd, PATIENCE)) unanswered++;
  }
  process.stdout.write(`${JSON.stringify({ sent: numbers, unanswered })}\n`);
}

/** By link, what is on and how long packets are gathered. */
async function features(names: readonly string[]): Promise<void> {
  const links = await listLinks();
  const states = names.map((name) => {
    const link = links.find((each) => each.name === name);
    if (!link) throw new Error(`there is no link ${name}`);
    const known = readFeatures(name);
    const wanted = ["rx-gro", "rx-udp-gro-forwarding", "rx-gro-list"].map((one) => [one, known.get(one)?.active]);
    return [name, Object.fromEntries([...wanted, ...NAPI_SETTINGS.map((one) => [one, readNapi(link, one)])])];
  });
  process.stdout.write(`${JSON.stringify(Object.fromEntries(states))}\n`);
}

const [what, ...rest] = process.argv.slice(2);
if (what === "receive") receive(Number(rest[0]));
else if (what === "send") send(rest[0]!, Number(rest[1]), Number(rest[2]), JSON.parse(rest[3]!) as Flow[]);
else if (what === "features") await features(rest);
else if (what === "switch") setFeature(rest[0]!, rest[1]!, rest[2] === "on");
