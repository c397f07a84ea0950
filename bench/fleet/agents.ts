/**
 * Child of bench fleet: thousands of agents as the console sees them: TLS with a certificate each, WebSocket, an answer to each
 * configuration. They do not verify, keep or apply: the CPU of this machine is the console's.
 */
import { WebSocket } from "ws";
import { type KeyRequest, makeRequest } from "../../src/agent/request.ts";
import { EMPTY_ROOT } from "../../src/agent/signed.ts";
import type { ConfigFrame, FromAgent } from "../../src/protocol/stream.ts";
import type { FromAgents, ToAgents } from "./talk.ts";

/** Handshakes at a time. */
const AT_ONCE = 32;
/** Source addresses 127.0.1.1 …: one address has 28,000 ports. */
const ADDRESSES = 50;

const say = (message: FromAgents) => void process.send?.(message);
let serials: readonly string[] = [];
/** One key for all agents of this process: ten thousand would take longer than all that is measured. Their certificates differ. */
let request: KeyRequest | undefined;
const sockets: WebSocket[] = [];
let arrivals: [string, number, string][] = [];
let reporting: NodeJS.Timeout | undefined;

process.on("message", async (message: ToAgents) => {
  switch (message.do) {
    case "make":
      serials = message.serials;
      request = await makeRequest("bench");
      return say({ is: "made", csr: request.csr });
    case "connect": {
      const ms: number[] = [];
      let failed = 0;
      let at = 0;
      const lane = async () => {
        while (at < serials.length) {
          const i = at++;
          const took = await connect(i, message);
          if (took === undefined) failed++;
          else ms.push(took);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      return say({ is: "connected", ms, failed });
    }
    case "listen":
      arrivals = [];
      return say({ is: "listening" });
    case "tell":
      return say({ is: "heard", arrivals });
    case "report":
      clearInterval(reporting);
      if (message.every > 0) reporting = setInterval(reportSome, message.every / 100);
      return say({ is: "reporting" });
  }
});
process.on("disconnect", () => process.exit(0));

/** Milliseconds until its first configuration; undefined: it did not come. */
function connect(i: number, { url, root, chains }: Extract<ToAgents, { do: "connect" }>): Promise<number | undefined> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace("https:", "wss:")}/v1/agent`, {
      cert: chains[i].join(""),
      key: request?.key,
      ca: root,
      perMessageDeflate: false,
      maxPayload: 256 * 1024 * 1024,
      localAddress: `127.0.1.${1 + (i % ADDRESSES)}`,
    });
    sockets[i] = socket;
    socket.on("open", () =>
      send(socket, { type: "hello", have: 0, root: EMPTY_ROOT, software: "bench", hostname: "bench" }),
    );
    socket.on("message", (data) => {
      const at = process.hrtime.bigint();
      const { statement } = JSON.parse(data.toString()) as ConfigFrame;
      arrivals.push([serials[i], statement.version, String(at)]);
      send(socket, { type: "applied", version: statement.version, error: null });
      resolve(performance.now() - begun);
    });
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(undefined));
  });
}

function send(socket: WebSocket, frame: FromAgent): void {
  socket.send(JSON.stringify(frame));
}

let turn = 0;

/** One agent in a hundred reports its tunnel; the next ones the next time. */
function reportSome(): void {
  turn++;
  const traffic = { packets: turn, bytes: turn * 1000 };
  const tunnel = { name: "to", state: "up" as const, rttMs: 12.5, in: traffic, out: traffic, lastError: null };
  for (let i = turn % 100; i < sockets.length; i += 100) {
    const first = turn <= 100;
    send(sockets[i], { type: "report", first, tunnels: [tunnel], gone: [], attachments: [], drops: {} });
  }
}
