/** Runs in a namespace: makes a TUN device, sends a packet into the kernel and reads the answer. */
import { errno, hostAddress, read, write } from "../../../src/linux/ffi.ts";
import { askIp } from "../../../src/linux/iproute.ts";
import { addAddresses, findLink, setLink } from "../../../src/linux/links.ts";
import { changeRoutes, listRoutes } from "../../../src/linux/routes.ts";
import { readSysctl, writeSysctl } from "../../../src/linux/sysctl.ts";
import { closeTun, openTun, setTunHeaderSize, setTunOffload, TUN_F_CSUM, TUN_F_TSO4 } from "../../../src/linux/tun.ts";
import { openUdp } from "../../../src/linux/udp.ts";

function codeOf(act: () => void): string {
  try {
    act();
    return "done";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const tun = openTun({ name: "vcpe-t0" });
const made = await findLink("vcpe-t0");
const [{ txqlen }] = await askIp<{ txqlen: number }>(["link", "show", "vcpe-t0"], "read the queue's length");
await addAddresses("vcpe-t0", ["10.1.0.1/24", "fd00:1::1/64"]);
await setLink("vcpe-t0", { up: true, mtu: 1400 });
const up = await findLink("vcpe-t0");
await changeRoutes("replace", [{ prefix: "10.2.0.0/16", link: "vcpe-t0" }]);

/** An ICMP echo request 10.1.0.2 → 10.1.0.1 of 28 bytes. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i] << 8) | bytes[i + 1];
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return ~total & 0xffff;
}
const packet = new Uint8Array(new ArrayBuffer(28));
const fields = new DataView(packet.buffer);
packet.set([0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 1, 0, 2, 10, 1, 0, 1, 8, 0, 0, 0, 0x12, 0x34, 0, 1]);
fields.setUint16(10, sum(packet.subarray(0, 20)));
fields.setUint16(22, sum(packet.subarray(20)));
const written = write(tun.fd, hostAddress(packet), packet.length);

const buffer = new Uint8Array(new ArrayBuffer(2048));
let reply: number[] = [];
const until = Date.now() + 3000;
while (reply.length === 0 && Date.now() < until) {
  const length = read(tun.fd, hostAddress(buffer), buffer.length);
  if (length < 0 && errno() !== 11) throw new Error(`read: errno ${errno()}`);
  // IPv6 router solicitations and the like come too; the answer is an ICMP echo reply to 10.1.0.2.
  if (length > 0 && buffer[0] === 0x45 && buffer[9] === 1 && buffer[20] === 0) reply = [...buffer.subarray(0, length)];
  await new Promise((resolve) => setTimeout(resolve, 5));
}

const taken = codeOf(() => openTun({ name: "vcpe-t0" }));
const notTun = codeOf(() => openTun({ name: "lo" }));
const badName = codeOf(() => openTun({ name: "a b" }));
const routes = await listRoutes({ link: "vcpe-t0", protocol: 118 });
const sysctl = writeSysctl("net/ipv4/conf/vcpe-t0/rp_filter", "2");
const sysctlAfter = readSysctl("net/ipv4/conf/vcpe-t0/rp_filter");
closeTun(tun);
const gone = await findLink("vcpe-t0");

const first = openTun({ name: "vcpe-t1", multiQueue: true, vnetHeader: true });
const second = openTun({ name: "vcpe-t1", multiQueue: true, vnetHeader: true });
setTunHeaderSize(first, 12);
const offload = setTunOffload(first, TUN_F_CSUM | TUN_F_TSO4);
const nonsense = setTunOffload(first, 0x40000000);
closeTun(first);
const held = (await findLink("vcpe-t1")) !== undefined;
closeTun(second);

// As nobody: what an operator who forgot sudo sees.
process.setuid?.(65534);
let refusal = "";
try {
  openTun({ name: "vcpe-t2" });
} catch (error) {
  refusal = (error as Error).message;
}
const lowPort = codeOf(() => openUdp({ family: 4, port: 500 }));

console.log(
  JSON.stringify({
    made,
    txqlen,
    up,
    written,
    reply,
    taken,
    notTun,
    badName,
    routes,
    sysctl,
    sysctlAfter,
    gone: gone === undefined,
    offload,
    nonsense,
    held,
    refusal,
    lowPort,
  }),
);
