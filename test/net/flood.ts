/** Run inside mallory's namespace: reads {address, port, rate} and then one datagram a line (base64); sends them from port 4500. */
import { createSocket } from "node:dgram";
import { text } from "node:stream/consumers";

const [head, ...lines] = (await text(process.stdin)).split("\n");
const { address, port, rate } = JSON.parse(head!) as { address: string; port: number; rate: number };
const datagrams = lines.map((line) => Buffer.from(line, "base64"));
const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4", sendBufferSize: 1 << 20 });
await new Promise<void>((resolve) => socket.bind(4500, resolve));
const begun = performance.now();
for (let sent = 0; sent < datagrams.length; ) {
  const due = Math.min(datagrams.length, Math.ceil(((performance.now() - begun) / 1000) * rate));
  const batch = datagrams.slice(sent, due);
  await Promise.all(
    batch.map(
      (datagram) =>
        new Promise<void>((resolve) => {
          // A refused datagram (ICMP unreachable from an earlier one) is the receiver's answer, not our failure.
          socket.send(datagram, port, address, () => resolve());
        }),
    ),
  );
  sent = due;
  await new Promise((resolve) => setTimeout(resolve, 1));
}
socket.close();
