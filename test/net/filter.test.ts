/** A filter at the gateway's TUN device, and zones: refused, allowed after a reload, and cut again. */
import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { inside, run } from "../../src/lab/command.ts";
import { carry, newMarker } from "../../src/lab/marker.ts";
import { PingStream, ping } from "../../src/lab/ping.ts";
import { type SiteConfig, writeConfig } from "../../src/lab/site.ts";
import { eventually, pause, region } from "./region.ts";
import { asRoot } from "./root.ts";

type Rules = NonNullable<SiteConfig["filters"]>[number]["rules"];

const ECHO = 7007;
const accept = (id: string, protocol: string, prefix: string, ports?: string): Rules[number] => ({
  id,
  direction: "in",
  protocol,
  prefix,
  action: "accept",
  ...(ports === undefined ? {} : { ports }),
});
const ALLOWED: Rules = [
  accept("ping", "icmp", "10.1.0.0/24"),
  accept("ping6", "icmpv6", "::/0"),
  accept("echo-tcp", "tcp", "0.0.0.0/0", String(ECHO)),
  accept("echo-tcp6", "tcp", "::/0", "7000-7999"),
  accept("echo-udp", "udp", "10.1.0.0/24", String(ECHO)),
];

/** Asks the echo server again and again over one TCP connection; each answer is printed. */
const TALKER = `
const socket = require("node:net").connect(${ECHO}, process.argv[1], () => setInterval(() => socket.write("x"), 20));
socket.setNoDelay();
socket.on("data", (data) => process.stdout.write(data)).on("error", () => process.exit(1));
`;

interface Talker {
  /** Bytes that came back so far. */
  echoed(): number;
  stop(): void;
}

describe.skipIf(!asRoot("filter"))("a filter", () => {
  function guarded(config: SiteConfig, rules: Rules): void {
    config.vrfs[0]!.tun.filter = "vpc";
    config.filters = [{ name: "vpc", rules }];
  }

  const lab = region("f", {
    adjust: (site, config) => {
      if (site.role === "gateway") guarded(config, []);
    },
  });

  async function reload(edit: (config: SiteConfig) => void): Promise<unknown> {
    const config = lab().config("gw");
    edit(config);
    writeConfig(lab().state.folder, "gw", config);
    return lab().router("gw").reload();
  }

  const branch = () => lab().namespace("branch-a-lan");
  const quick = { count: 3, interval: 0.05 };
  /** All answers are wanted. */
  const patient = { ...quick, patience: 10 };

  it("lets nothing in without a rule, and answers to what goes out", async () => {
    const [echoes, echoes6, carried, back] = await Promise.all([
      ping(branch(), "10.100.0.2", quick),
      ping(branch(), "fd00:100::2", quick),
      carry(branch(), "10.100.0.2", newMarker()),
      ping(lab().namespace("vpc"), "10.1.0.2", patient),
    ]);
    expect([echoes.received, echoes6.received, carried]).toEqual([0, 0, { tcp: false, udp: false }]);
    // In silence.
    expect([...echoes.errors, ...echoes6.errors]).toEqual([]);
    expect(back.received).toBe(3);
    const status = await lab().router("gw").status();
    expect(status.filters[0]!.in.hits).toBeGreaterThanOrEqual(8);
    expect(status.drops.filtered).toBe(status.filters[0]!.in.hits);
  });

  it("lets in what a rule accepts, once the file is read again; only the filter changes", async () => {
    expect(await reload((config) => guarded(config, ALLOWED))).toMatchObject({
      code: 200,
      body: { applied: ["update filter vpc"] },
    });
    const [echoes, echoes6, carried, carried6] = await Promise.all([
      ping(branch(), "10.100.0.2", patient),
      ping(branch(), "fd00:100::2", patient),
      carry(branch(), "10.100.0.2", newMarker()),
      carry(branch(), "fd00:100::2", newMarker()),
    ]);
    expect([echoes.received, echoes6.received]).toEqual([3, 3]);
    expect([carried, carried6]).toEqual([
      { tcp: true, udp: true },
      { tcp: true, udp: false },
    ]);
    const { filters, flows } = await lab().router("gw").status();
    expect(filters[0]!.rules.map(({ id, hits }) => [id, hits > 0])).toEqual(ALLOWED.map(({ id }) => [id, true]));
    expect(flows.entries).toBeGreaterThanOrEqual(5);
  });

  async function talk(from: string, address: string): Promise<Talker> {
    const [program, ...rest] = inside(lab().namespace(from), [process.execPath, "-e", TALKER, address]);
    const child = spawn(program!, rest, { stdio: ["ignore", "pipe", "ignore"] });
    let echoed = 0;
    child.stdout!.on("data", (data: Buffer) => {
      echoed += data.length;
    });
    await eventually("the connection talks", async () => echoed > 10);
    return { echoed: () => echoed, stop: () => child.kill() };
  }

  /** Segments that each connection of a place with the other one has lost: sent again, but not because an answer was late (RFC 2883). */
  async function segmentsLost(place: string, ...filter: readonly string[]): Promise<number[]> {
    const sockets = await run(inside(lab().namespace(place), ["ss", "-tinHO", "state", "established", ...filter]));
    const count = (socket: string, field: RegExp) => Number(field.exec(socket)?.[1] ?? 0);
    return sockets
      .split("\n")
      .filter((socket) => socket.includes("cwnd:"))
      .map((socket) => count(socket, / retrans:\d+\/(\d+)/) - count(socket, / dsack_dups:(\d+)/));
  }

  it("cuts the open connection that new rules refuse, and takes no packet of those that they accept", async () => {
    const without = (id: string) => ALLOWED.filter((rule) => rule.id !== id);
    // All three connections; the second of them by a rule that is new, the third by one that stays.
    const narrower = [accept("echo-branch-a", "tcp", "10.1.0.0/24", String(ECHO)), ...without("echo-tcp")];
    const talkers = await Promise.all([
      talk("branch-b-lan", "10.100.0.2"),
      talk("branch-a-lan", "10.100.0.2"),
      talk("branch-a-lan", "fd00:100::2"),
    ]);
    const [refused, ...accepted] = talkers.map(({ echoed }) => echoed);
    const witness = new PingStream(branch(), "10.100.0.2");
    try {
      await reload((config) => guarded(config, narrower));
      await eventually("a flow is cut", async () => (await lab().router("gw").status()).counters["flow-cut"] === 1);
      // What was on its way arrives, however late the talker gets to read it.
      const before = await eventually("the refused connection is silent", async () => {
        const heard = refused!();
        await pause(500);
        return heard === refused!() && heard;
      });
      for (const rules of [narrower.toReversed(), narrower.slice(0, 4), narrower]) {
        const since = accepted.map((echoed) => echoed());
        await reload((config) => guarded(config, rules));
        await pause(300);
        const goOn = async () => accepted.every((echoed, i) => echoed() > since[i]! + 5);
        await eventually("accepted connections go on", goOn);
      }
      expect(refused!()).toBe(before);
      const { sent, lost } = await witness.stop();
      expect(sent).toBeGreaterThan(30);
      expect(lost).toEqual([]);
      // What was sent again because its answer was late is told so a round trip later; what was lost never is.
      const lossless = (place: string, ...filter: readonly string[]) =>
        eventually(
          `${place} has lost no segment of two connections`,
          async () => [0, 0].join() === (await segmentsLost(place, ...filter)).join(),
        );
      await lossless("branch-a-lan", "dport", "=", `:${ECHO}`);
      const servers = ["sport", "=", `:${ECHO}`, "and", "(", "dst", "10.1.0.0/24", "or", "dst", "[fd00:1::2]", ")"];
      await lossless("vpc", ...servers);
      await eventually(
        "the refused one sends again and again",
        async () => (await segmentsLost("branch-b-lan", "dport", "=", `:${ECHO}`))[0]! > 0,
      );
      expect((await lab().router("gw").status()).counters["flow-cut"]).toBe(1);
    } finally {
      await witness.stop();
      for (const talker of talkers) talker.stop();
    }
  });

  it("and zones: branches of one zone do not reach each other, but reach what is in none", async () => {
    await reload((config) => {
      guarded(config, ALLOWED);
      for (const tunnel of config.tunnels) tunnel.zone = "branches";
    });
    const [across, down] = await Promise.all([
      ping(branch(), "10.2.0.2", quick),
      ping(branch(), "10.100.0.2", patient),
    ]);
    expect([across.received, down.received]).toEqual([0, 3]);
    expect(across.errors.map(({ from }) => from)).toContain("10.255.0.100");
    expect((await lab().router("gw").status()).drops.interworking).toBeGreaterThanOrEqual(3);
    await reload((config) => guarded(config, ALLOWED));
    expect((await ping(branch(), "10.2.0.2", patient)).received).toBe(3);
  });
});
