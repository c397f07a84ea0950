/**
 * A tiny program of its own that numbers the datagrams of several flows:
 *   node sequence.ts receive PORT                            counts until it is ended
 *   node sequence.ts send ADDRESS PORT FLOWS COUNT PAUSE     COUNT datagrams on each of FLOWS source ports, a burst each PAUSE ms
 * The receiver prints {"flows":…,"received":…,"early":…,"twice":…} a second after the last datagram: `early` is how many came
 * before one that was sent earlier on the same flow.
 */
import { createSocket } from "node:dgram";

const BURST = 16;

function receive(port: number): void {
  const highest = new Map<number, number>();
  const seen = new Set<string>();
  let received = 0;
  let early = 0;
  let twice = 0;
  let quiet: NodeJS.Timeout | undefined;
  const socket = createSocket({ type: "udp6", ipv6Only: false, recvBufferSize: 4 << 20 });
  socket.on("message", (message) => {
    const flow = message.readUInt32BE(0);
    const number = message.readUInt32BE(4);
    received += 1;
    const key = `${flow} ${number}`;
    if (seen.has(key)) twice += 1;
    seen.add(key);
    const top = highest.get(flow) ?? -1;
    if (number < top) early += 1;
    else highest.set(flow, number);
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      process.stdout.write(`${JSON.stringify({ flows: highest.size, received, early, twice })}\n`);
    }, 1000);
  });
  socket.bind(port, "::", () => process.stdout.write("receiving\n"));
}

async function send(address: string, port: number, flows: number, count: number, pauseMs: number): Promise<void> {
  const sockets = Array.from({ length: flows }, () => createSocket(address.includes(":") ? "udp6" : "udp4"));
  for (let first = 0; first < count; first += BURST) {
    const sent: Promise<void>[] = [];
    for (let number = first; number < Math.min(count, first + BURST); number++) {
      sockets.forEach((socket, flow) => {
        const bytes = Buffer.alloc(512);
        bytes.writeUInt32BE(flow, 0);
        bytes.writeUInt32BE(number, 4);
        sent.push(new Promise((resolve) => socket.send(bytes, port, address, () => resolve())));
      });
    }
    await Promise.all(sent);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  for (const socket of sockets) socket.close();
}

const [what, ...rest] = process.argv.slice(2);
if (what === "receive") receive(Number(rest[0]));
else await send(rest[0]!, Number(rest[1]), Number(rest[2]), Number(rest[3]), Number(rest[4]));
