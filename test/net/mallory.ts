/**
 * A stranger on the lab's internet: the plan with one more place, a program that sends whatever datagrams it is told to, and
 * the addresses of others to send them from.
 */
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { inside, run } from "../../src/lab/command.ts";
import type { Lab } from "../../src/lab/lab.ts";
import type { CapturedPacket } from "../../src/lab/pcap.ts";
import { PingStream, type StreamResult } from "../../src/lab/ping.ts";
import { PLAN, type Plan } from "../../src/lab/plan.ts";
import { pause } from "./region.ts";

export const MALLORY_PLAN: Plan = {
  places: [...PLAN.places, { name: "mallory", role: "edge", title: "a stranger on the internet" }],
  links: [
    ...PLAN.links,
    {
      ends: [
        { place: "internet", device: "to-mallory", addresses: ["203.0.113.9/30", "2001:db8:e::fe/64"] },
        { place: "mallory", device: "wan", addresses: ["203.0.113.10/30", "2001:db8:e::1/64"] },
      ],
    },
  ],
  routes: [
    ...PLAN.routes,
    { place: "mallory", to: "0.0.0.0/0", via: "203.0.113.9" },
    { place: "mallory", to: "::/0", via: "2001:db8:e::fe" },
  ],
};

const FLOOD = fileURLToPath(new URL("./flood.ts", import.meta.url));

export interface Flood {
  readonly address: string;
  readonly port: number;
  readonly datagrams: readonly Uint8Array[];
  /** Datagrams a second; a slow enough stream is not lost in the receiver's socket. Default 5000. */
  readonly rate?: number;
}

/** Sends datagrams from mallory's port 4500, one after the other. */
export async function send(lab: Lab, flood: Flood): Promise<void> {
  const { address, port, datagrams, rate = 5000 } = flood;
  const input = [JSON.stringify({ address, port, rate })];
  for (const datagram of datagrams) input.push(Buffer.from(datagram).toString("base64"));
  const argv = inside(lab.namespace("mallory"), [process.execPath, FLOOD]);
  await run(argv, { input: input.join("\n"), timeoutMs: 60_000 });
}

/** From now on, what mallory sends from its port 4500 seems to come from there; `undefined`: from itself again. */
export async function disguise(lab: Lab, from: { address: string; port: number } | undefined): Promise<void> {
  const lines = ["add table inet disguise", "delete table inet disguise"];
  if (from) {
    const [family, target] = from.address.includes(":") ? ["ip6", `[${from.address}]`] : ["ip", from.address];
    lines.push(
      "add table inet disguise",
      "add chain inet disguise out { type nat hook postrouting priority srcnat ; }",
      `add rule inet disguise out udp sport 4500 snat ${family} to ${target}:${from.port}`,
    );
  }
  await run(inside(lab.namespace("mallory"), ["nft", "-f", "-"]), { input: `${lines.join("\n")}\n` });
}

/** The payload of a UDP packet from `source`'s address to `port`; undefined when it is something else. */
export function udpPayload(packet: CapturedPacket, port: number): { payload: Buffer; sourcePort: number } | undefined {
  const { data, etherType } = packet;
  const four = etherType === 0x0800;
  if (!four && etherType !== 0x86dd) return undefined;
  const next = four ? data[9] : data[6];
  const udp = data.subarray(four ? (data[0]! & 15) * 4 : 40);
  if (next !== 17 || udp.length < 8 || udp.readUInt16BE(2) !== port) return undefined;
  return { payload: udp.subarray(8, udp.readUInt16BE(4)), sourcePort: udp.readUInt16BE(0) };
}

/** Whether a datagram on port 4500 is ESP: no keepalive, and no non-ESP marker in front (RFC 3948 §2). */
export function isEsp(payload: Buffer): boolean {
  return payload.length > 36 && payload.readUInt32BE(0) !== 0;
}

/** The branches' pings run on while `work` is done; none may be lost. */
export async function unharmed(lab: Lab, work: () => Promise<void>): Promise<void> {
  const streams = [
    new PingStream(lab.namespace("branch-a-lan"), "10.100.0.2"),
    new PingStream(lab.namespace("branch-b-lan"), "fd00:1::2"),
  ];
  let results: StreamResult[] = [];
  try {
    await pause(200);
    await work();
    await pause(200);
  } finally {
    results = await Promise.all(streams.map((stream) => stream.stop()));
  }
  for (const result of results) expect(result.lost).toEqual([]);
}
