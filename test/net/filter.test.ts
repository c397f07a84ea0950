/** A filter at the gateway's TUN device, and zones: refused, allowed after a reload, and cut again. */
import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { inside } from "../../src/lab/command.ts";
import { carry, newMarker } from "../../src/lab/marker.ts";
import { ping } from "../../src/lab/ping.ts";
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

/** Asks the echo server again and again over one TCP connection. */
const TALKER = `
const socket = require("node:net").connect(${ECHO}, process.argv[1], () => setInterval(() => socket.write("x"), 20));
socket.on("data", (data) => process.stdout.write(data)).on("error", () => process.exit(1));
`;

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
  const patient = { ...quick, patience: 2 };

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

  it("cuts an open connection when its rule goes", async () => {
    const [program, ...rest] = inside(branch(), [process.execPath, "-e", TALKER, "10.100.0.2"]);
    const talker = spawn(program!, rest, { stdio: ["ignore", "pipe", "ignore"] });
    try {
      let echoed = 0;
      talker.stdout!.on("data", (data: Buffer) => {
        echoed += data.length;
      });
      await eventually("the connection talks", async () => echoed > 10, 5000);
      await reload((config) =>
        guarded(
          config,
          ALLOWED.filter(({ id }) => id !== "echo-tcp"),
        ),
      );
      // What was on its way arrives.
      await pause(300);
      const before = echoed;
      await pause(700);
      expect(echoed).toBe(before);
      expect((await ping(branch(), "10.100.0.2", patient)).received).toBe(3);
      expect((await lab().router("gw").status()).counters["flow-cut"]).toBe(1);
    } finally {
      talker.kill();
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
