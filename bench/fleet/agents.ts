/**
 * Child of bench fleet: thousands of agents as the console sees them: TLS with a certificate each, WebSocket, an answer to each
 * configuration, and the real pauses before the next try when the connection is lost. One in five hundred verifies what it gets as a real
 * agent does; the others only look up its version, because the CPU of this machine is the console's.
 */
import { WebSocket } from "ws";
import { Backoff } from "../../src/agent/backoff.ts";
import type { Identity } from "../../src/agent/identity.ts";
import { type KeyRequest, makeRequest } from "../../src/agent/request.ts";
import { EMPTY_ROOT, next, type Signed } from "../../src/agent/signed.ts";
import { FIRST_PAUSE, HANDSHAKE, LONGEST_PAUSE } from "../../src/agent/stream.ts";
import type { Statement } from "../../src/protocol/statement.ts";
import { AGENT_PATH, type ConfigFrame, type FromAgent } from "../../src/protocol/stream.ts";
import type { Arrival, Connect, FromAgents, ToAgents } from "./talk.ts";

/** Handshakes at a time, when all connect for the first time. */
const AT_ONCE = 32;
/** Source addresses 127.0.1.1 …: one address has 28,000 ports. */
const ADDRESSES = 50;
/** One agent in so many verifies. */
const SAMPLE = 500;
/** A statement and its proof are at the end of a frame, in so many characters. */
const TAIL = 1200;

interface Agent {
  readonly serial: string;
  readonly chain: string;
  readonly pauses: Backoff;
  socket: WebSocket | undefined;
  have: number;
  root: string;
  /** Of the sample only. */
  running: Signed | undefined;
}

const say = (message: FromAgents) => void process.send?.(message);
let serials: readonly string[] = [];
/** One key for all agents of this process: ten thousand would take longer than all that is measured. Their certificates differ. */
let request: KeyRequest;
let where: Connect;
const agents: Agent[] = [];
let arrivals: Arrival[] = [];
let connected = 0;
let last = 0n;
let failures = 0;
let bad = 0;
let reporting: NodeJS.Timeout | undefined;

process.on("message", async (message: ToAgents) => {
  switch (message.do) {
    case "make":
      serials = message.serials;
      request = await makeRequest("bench");
      return say({ is: "made", csr: request.csr });
    case "connect":
      where = message;
      return say(await connectAll());
    case "listen":
      arrivals = [];
      failures = 0;
      return say({ is: "listening" });
    case "tell":
      return say({ is: "heard", arrivals, connected, last: String(last), failures, bad });
    case "report":
      clearInterval(reporting);
      if (message.every > 0) reporting = setInterval(reportSome, message.every / 100);
      return say({ is: "reporting" });
  }
});
process.on("disconnect", () => process.exit(0));

async function connectAll(): Promise<FromAgents> {
  const ms: number[] = [];
  let failed = 0;
  const left = serials.entries();
  const lane = async () => {
    for (const [i, serial] of left) {
      const chain = where.chains[i].join("");
      const pauses = new Backoff(FIRST_PAUSE, LONGEST_PAUSE);
      const agent = { serial, chain, pauses, socket: undefined, have: 0, root: EMPTY_ROOT, running: undefined };
      agents.push(agent);
      const begun = performance.now();
      if (await new Promise<boolean>((done) => connect(agent, agents.length, done))) ms.push(performance.now() - begun);
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return { is: "connected", ms, failed };
}

/** `done`: whether its first configuration came. */
function connect(agent: Agent, i: number, done?: (good: boolean) => void): void {
  const socket = new WebSocket(`${where.url.replace("https:", "wss:")}${AGENT_PATH}`, {
    cert: agent.chain,
    key: request.key,
    ca: where.root,
    perMessageDeflate: false,
    maxPayload: 256 * 1024 * 1024,
    handshakeTimeout: HANDSHAKE,
    localAddress: `127.0.1.${1 + (i % ADDRESSES)}`,
  });
  let open = false;
  socket.on("open", () => {
    open = true;
    connected++;
    last = process.hrtime.bigint();
    agent.socket = socket;
    send(socket, { type: "hello", have: agent.have, root: agent.root, software: "bench", hostname: "bench" });
  });
  socket.on("message", (data) => {
    const at = process.hrtime.bigint();
    const { version, root } = i % SAMPLE === 0 ? verified(agent, data.toString()) : statementIn(data as Buffer);
    arrivals.push([agent.serial, version, String(at)]);
    agent.have = version;
    agent.root = root;
    send(socket, { type: "applied", version, error: null });
    done?.(true);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    if (open) connected--;
    else failures++;
    agent.socket = undefined;
    if (done && agent.have === 0) return done(false);
    setTimeout(() => connect(agent, i), agent.pauses.next());
  });
}

function verified(agent: Agent, text: string): Statement {
  const frame = JSON.parse(text) as ConfigFrame;
  const identity = { configKey: where.configKey, router: agent.serial } as Identity;
  try {
    agent.running = next(frame, agent.running, identity, agent.have);
  } catch (error) {
    bad++;
    process.stderr.write(`${agent.serial}: ${(error as Error).message}\n`);
  }
  return frame.statement;
}

/** Without reading the parts before it. */
function statementIn(data: Buffer): Statement {
  const tail = data.toString("latin1", Math.max(0, data.length - TAIL));
  const text = /"statement":(\{[^}]*\})/.exec(tail)?.[1];
  if (text === undefined) throw new Error("a configuration has no statement at its end");
  return JSON.parse(text) as Statement;
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
  for (let i = turn % 100; i < agents.length; i += 100) {
    const { socket } = agents[i];
    const first = turn <= 100;
    if (socket) send(socket, { type: "report", first, tunnels: [tunnel], gone: [], attachments: [], drops: {} });
  }
}
