/** Two routers on a bed whose tunnel is held to a rate, and what comes through it, by IP length: headers count. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { attempt, inside, tail } from "../../src/lab/command.ts";
import { LabFault } from "../../src/lab/fault.ts";
import { parseIperf } from "../../src/lab/iperf.ts";
import { pingCommand } from "../../src/lab/ping.ts";
import { cpuSeconds } from "../../src/lab/process.ts";
import { ask, status, type TunnelStatus } from "../../src/lab/status.ts";
import { Bed, HOST } from "./bed.ts";
import { Ends } from "./ends.ts";
import { reachable, type Setting } from "./measure.ts";
import { NOTHING_BEFORE, SIDES } from "./system.ts";
import { vcpe } from "./systems.ts";

/** IPv4 and UDP headers; IPv4 and TCP with timestamps (RFC 7323). */
const UDP_HEADERS = 28;
const TCP_HEADERS = 52;
/** IPv4, ICMP and the 56 bytes that ping sends. */
const PING_BYTES = 84;
const PAYLOAD = 1024;

/** From here on datagrams are sent by flow.ts, whose batches of 64 are short then; below it by iperf3, which paces each. Mbit/s. */
const BATCHES_FROM = 60;

/** Seconds at the beginning that do not count: slow start, and the burst after the pause. */
const OMITTED = 1;

export interface Carried {
  /** IP packets through the tunnel, Mbit/s. */
  readonly mbps: number;
  /** What the sender really sent, Mbit/s: on a busy machine less than it was to. TCP: the same, it sends what goes. */
  readonly sentMbps: number;
  /** Of each flow. */
  readonly flows: readonly number[];
  /** Round trips meanwhile, ms, sorted. */
  readonly rtts: readonly number[];
  /** CPU seconds of the sending router for each Gbit. */
  readonly cpu: number;
}

interface TcpReport {
  readonly start: { readonly tcp_mss_default?: number; readonly tcp_mss?: number };
  readonly end: { readonly streams: readonly { readonly receiver: { readonly bits_per_second: number } }[] };
}

interface UdpReport {
  readonly end: Readonly<Record<"sum_received" | "sum_sent", { readonly bits_per_second: number }>>;
}

export class ShapedBed {
  readonly bed: Bed;
  readonly #setting: Setting;
  readonly #ends: Ends;
  #port = 11_000;

  private constructor(bed: Bed, setting: Setting) {
    this.bed = bed;
    this.#setting = setting;
    this.#ends = new Ends(inside(bed.namespace("lan-a"), []), inside(bed.namespace("lan-b"), []), bed.signal);
  }

  static async up(name: string, entry: readonly string[], workers: number, signal: AbortSignal): Promise<ShapedBed> {
    const bed = await Bed.draw(name, signal);
    try {
      const running = await vcpe(entry, "chacha20poly1305", workers).start(bed, NOTHING_BEFORE);
      const setting: Setting = { bed, running, pinned: false };
      await reachable(setting, 10_000);
      return new ShapedBed(bed, setting);
    } catch (fault) {
      await bed.down();
      throw fault;
    }
  }

  /** Both ends send at most so many bits a second from now on; undefined: as much as goes. */
  async hold(bitsPerSecond: number | undefined): Promise<void> {
    for (const side of SIDES) {
      const file = join(this.bed.state.folder, `${side}.yaml`);
      const config = parse(readFileSync(file, "utf8")) as { tunnels: [{ shape?: { rate: string } }] };
      if (bitsPerSecond === undefined) delete config.tunnels[0].shape;
      else config.tunnels[0].shape = { rate: String(bitsPerSecond) };
      writeFileSync(file, stringify(config, { defaultStringType: "QUOTE_DOUBLE" }), { mode: 0o600 });
      const { code, body } = await ask(`${this.bed.state.lab}-${side}`, "POST", "/reload");
      if (code !== 200) throw new LabFault("command-failed", `Router ${side} refused: ${JSON.stringify(body)}.`);
    }
  }

  /** What router a says of its tunnel. */
  async tunnel(): Promise<TunnelStatus> {
    return (await status(`${this.bed.state.lab}-a`)).tunnels[0]!;
  }

  /** TCP from a to b, `flows` at once, while a ping goes to and fro. */
  async tcp(flows: number, seconds: number): Promise<Carried> {
    const port = String(this.#port++);
    const server = spawnServer(this.bed.namespace("lan-b"), port);
    try {
      await server.listening;
      const before = this.#cpu();
      const pings = this.#pings(seconds + OMITTED);
      const argv = ["iperf3", "-J", "-c", HOST.b, "-p", port, "-t", String(seconds), "-O", String(OMITTED)];
      const said = await this.#run([...argv, "-P", String(flows), "--connect-timeout", "3000"], seconds);
      const cpu = this.#cpu() - before;
      const report = JSON.parse(said) as TcpReport;
      const mss = report.start.tcp_mss_default ?? report.start.tcp_mss ?? 1348;
      // Throws what iperf3 has to say when it failed.
      parseIperf(said, "tcp");
      const each = report.end.streams.map(
        ({ receiver }) => ((receiver.bits_per_second / 1e6) * (mss + TCP_HEADERS)) / mss,
      );
      const rtts = await pings;
      const mbps = each.reduce((sum, one) => sum + one, 0) + (rtts.length * PING_BYTES * 8) / 1e6 / (seconds + OMITTED);
      return { mbps, sentMbps: mbps, flows: each, rtts, cpu: (cpu * 1000) / (mbps * (seconds + OMITTED)) };
    } finally {
      server.end();
    }
  }

  /** Datagrams of 1,024 bytes from a to b, by IP length `offered` Mbit/s of them. */
  async udp(offered: number, seconds: number): Promise<Carried> {
    const payload = (offered * PAYLOAD) / (PAYLOAD + UDP_HEADERS);
    const whole = (PAYLOAD + UDP_HEADERS) / PAYLOAD;
    const before = this.#cpu();
    const measured = payload < BATCHES_FROM ? this.#paced(payload, seconds) : this.#batches(payload, seconds);
    const [mbps, sentMbps] = (await measured).map((each) => each * whole) as [number, number];
    const cpu = this.#cpu() - before;
    return { mbps, sentMbps, flows: [mbps], rtts: [], cpu: (cpu * 1000) / (mbps * seconds) };
  }

  /** Round trips when nothing else is under way, ms, sorted. */
  idle(): Promise<number[]> {
    return this.#pings(2);
  }

  async down(): Promise<void> {
    this.#ends.close();
    await this.bed.down();
  }

  async #batches(payload: number, seconds: number): Promise<[got: number, sent: number]> {
    const { sent, received } = await this.#ends.flow(HOST.b, [PAYLOAD], payload, seconds);
    const rate = (bytes: number) => (bytes * 8) / 1000 / sent.ms;
    return [rate(received.bytes), rate(sent.bytes)];
  }

  async #paced(payload: number, seconds: number): Promise<[got: number, sent: number]> {
    const port = String(this.#port++);
    const server = spawnServer(this.bed.namespace("lan-b"), port);
    try {
      await server.listening;
      const rate = `${Math.round(payload * 1e6)}`;
      const argv = ["iperf3", "-J", "-u", "-l", String(PAYLOAD), "-b", rate, "-c", HOST.b, "-p", port];
      const said = await this.#run([...argv, "-t", String(seconds), "-O", String(OMITTED)], seconds);
      parseIperf(said, "udp");
      const { sum_received, sum_sent } = (JSON.parse(said) as UdpReport).end;
      return [sum_received.bits_per_second / 1e6, sum_sent.bits_per_second / 1e6];
    } finally {
      server.end();
    }
  }

  async #run(argv: readonly string[], seconds: number): Promise<string> {
    const { signal } = this.bed;
    const timeoutMs = (seconds + OMITTED) * 1000 + 15_000;
    const done = await attempt(inside(this.bed.namespace("lan-a"), argv), { timeoutMs, signal });
    if (done.stdout.trim() !== "") return done.stdout;
    throw new LabFault("bad-output", `iperf3 ended with ${done.code}.${tail(done.stderr)}`);
  }

  async #pings(seconds: number): Promise<number[]> {
    const interval = 0.05;
    const argv = pingCommand(this.bed.namespace("lan-a"), HOST.b, { count: Math.floor(seconds / interval), interval });
    const env = { ...process.env, LC_ALL: "C" };
    const done = await attempt(argv, { timeoutMs: seconds * 1000 + 15_000, signal: this.bed.signal, env });
    return [...done.stdout.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1])).sort((a, b) => a - b);
  }

  #cpu(): number {
    return cpuSeconds(this.#setting.running.pids.a[0]!);
  }
}

function spawnServer(namespace: string, port: string): { readonly listening: Promise<void>; end(): void } {
  const [program, ...rest] = inside(namespace, ["iperf3", "-s", "-1", "-p", port, "--forceflush"]);
  const child = spawn(program!, rest, { stdio: ["ignore", "pipe", "ignore"] });
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (text: Buffer) => /listening/.test(String(text)) && resolve());
    child.once("error", reject);
    child.once("exit", (code) => reject(new LabFault("command-failed", `The iperf3 server ended with ${code}.`)));
  });
  // It ends by itself after one test, when nobody waits any more.
  listening.catch(() => {});
  return { listening, end: () => void child.kill("SIGKILL") };
}

/** The value below which this share of sorted values lies; null: there are none. */
export function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}

/** (Σx)² / (n Σx²): 1, all have the same; 1/n, one has all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((all, x) => all + x, 0);
  return sum ** 2 / (shares.length * shares.reduce((all, x) => all + x * x, 0));
}
