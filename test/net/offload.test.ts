/** Offloads on real traffic: every byte arrives, in order, with right checksums, with all of them, with some, with none. */
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attempt, inside, run } from "../../src/lab/command.ts";
import { traffic } from "../../src/lab/iperf.ts";
import { ping } from "../../src/lab/ping.ts";
import { region } from "./region.ts";
import { asRoot } from "./root.ts";

/** Waits on a port for one connection; writes the SHA-256 of what came in, and answers with as many bytes of its own. */
const RECEIVER = `
  const { createHash, randomBytes } = require("node:crypto");
  const server = require("node:net").createServer({ allowHalfOpen: true }, (socket) => {
    const got = createHash("sha256");
    socket.on("data", (data) => got.update(data));
    socket.on("end", () => {
      const back = randomBytes(Number(process.argv[2]));
      const sent = createHash("sha256").update(back).digest("hex");
      socket.end(back, () => { console.log(got.digest("hex"), sent); server.close(); });
    });
  });
  server.listen(Number(process.argv[1]), "::", () => console.log("listening"));
`;

/** Sends random bytes in pieces of odd lengths and writes the SHA-256 of them, and of what came back. */
const SENDER = `
  const { createHash, randomBytes, randomInt } = require("node:crypto");
  const [address, port, bytes] = process.argv.slice(1);
  const socket = require("node:net").connect(Number(port), address);
  const sent = createHash("sha256");
  const got = createHash("sha256");
  const all = randomBytes(Number(bytes));
  sent.update(all);
  socket.on("data", (data) => got.update(data));
  socket.on("end", () => console.log(sent.digest("hex"), got.digest("hex")));
  let at = 0;
  const more = () => {
    while (at < all.length) {
      const piece = all.subarray(at, at + randomInt(1, 200000));
      at += piece.length;
      if (!socket.write(piece)) return socket.once("drain", more);
    }
    socket.end();
  };
  socket.on("connect", more);
`;

/** What comes faster than this, and does not fit into the queue, is lost. */
const BOTTLENECK = ["tbf", "rate", "200mbit", "burst", "32k", "limit", "60k"];

const BYTES = 24_000_000;
const MODES = [
  { letter: "o", mode: "all on", offload: {} },
  { letter: "n", mode: "off", offload: "off" },
  { letter: "h", mode: "cut, but not put together", offload: { coalesce: "off", gro: "off" } },
] as const;

describe.skipIf(!asRoot("offloads")).each(MODES)("with offload $mode", ({ letter, mode, offload }) => {
  const lab = region(letter, { adjust: (_, config) => Object.assign(config, { offload }) });
  const ns = (place: string) => lab().namespace(place);
  let ports = 20000;

  /** Both ends must have the same two sums. */
  async function exchange(from: string, to: string, address: string, bytes = BYTES): Promise<number> {
    const port = ++ports;
    const [program, ...args] = inside(ns(to), [process.execPath, "-e", RECEIVER, String(port), String(bytes)]);
    const receiver = spawn(program!, args, { stdio: ["ignore", "pipe", "inherit"] });
    try {
      let said = "";
      const ended = new Promise<void>((resolve) => receiver.once("exit", () => resolve()));
      await new Promise<void>((resolve, reject) => {
        receiver.once("exit", (code) => reject(new Error(`the receiver ended with ${code}`)));
        receiver.stdout.on("data", (data: Buffer) => {
          said += data;
          if (said.includes("listening")) resolve();
        });
      });
      const begun = performance.now();
      const argv = [process.execPath, "-e", SENDER, address, String(port), String(bytes)];
      const sender = await attempt(inside(ns(from), argv), { timeoutMs: 60_000 });
      const took = performance.now() - begun;
      await ended;
      const [, sums] = said.trim().split("\n");
      expect(sums, sender.stderr).toMatch(/^[0-9a-f]{64} [0-9a-f]{64}$/);
      expect(sender.stdout.trim()).toBe(sums);
      return took;
    } finally {
      receiver.kill("SIGKILL");
    }
  }

  const counters = async (place: string) => (await lab().router(place).status()).counters;

  it("says so in the status", async () => {
    for (const place of ["branch-a", "branch-b", "gw"]) {
      const { offload: states } = await lab().router(place).status();
      expect(Object.keys(states)).toEqual(["tso", "uso", "gso", "gro", "coalesce"]);
      for (const [name, state] of Object.entries(states)) {
        const wanted = typeof offload === "object" && !(name in offload);
        // USO and the like may be missing in this kernel; TSO, GSO and GRO are older than all that we run on.
        if (!wanted) expect(state).toBe("off: by configuration");
        else if (name !== "uso" && name !== "gso") expect(state).toBe("on");
      }
    }
  });

  it.each([
    ["branch-a-lan", "vpc", "10.100.0.2"],
    ["branch-a-lan", "vpc", "fd00:100::2"],
    ["branch-b-lan", "vpc", "10.100.0.2"],
    ["branch-a-lan", "branch-b-lan", "10.2.0.2"],
  ])(
    "a TCP connection %s → %s (%s) carries every byte both ways",
    async (from, to, address) => {
      const took = await exchange(from, to, address);
      console.log(`${mode}: ${((2 * BYTES * 8) / took / 1000).toFixed(0)} Mbit/s, hashes and all`);
    },
    90_000,
  );

  it("several connections and datagrams at once", async () => {
    const [datagrams] = await Promise.all([
      traffic(ns("branch-a-lan"), "10.100.0.2", { protocol: "udp", seconds: 2, offeredMbps: 50 }),
      ...[0, 1, 2, 3].map((index) =>
        exchange("branch-a-lan", "vpc", index & 1 ? "fd00:100::2" : "10.100.0.2", BYTES / 4),
      ),
    ]);
    expect(datagrams.packets).toBeGreaterThan(1000);
  });

  it("segments of odd sizes", async () => {
    const route = (await run(inside(ns("vpc"), ["ip", "route", "show", "default"]))).trim().split(" ");
    await run(inside(ns("vpc"), ["ip", "route", "change", ...route, "advmss", "777"]));
    try {
      await exchange("branch-a-lan", "vpc", "10.100.0.2");
    } finally {
      await run(inside(ns("vpc"), ["ip", "route", "change", ...route]));
    }
  });

  it("works on many packets at once, or on none, as it says", async () => {
    const edge = await counters("branch-a");
    const gateway = await counters("gw");
    const all = {
      segmented: edge.segmented!,
      sent: edge["runs-sent"]!,
      read: gateway["runs-read"]!,
      put: gateway.coalesced!,
    };
    console.log(`${mode}: ${JSON.stringify(all)}`);
    if (offload === "off") expect(all).toEqual({ segmented: 0, sent: 0, read: 0, put: 0 });
    else expect(all.segmented).toBeGreaterThan(10);
    if (mode === "all on") expect(Math.min(all.sent, all.read, all.put)).toBeGreaterThan(10);
    if (mode.startsWith("cut")) expect([all.read, all.put]).toEqual([0, 0]);
  });

  it.runIf(mode !== "all on")(
    "no packet reaches the far host with a wrong checksum",
    async () => {
      // Not put together again, each packet has the checksum that the edge gave it; the host's kernel checks it, and so does tcpdump.
      const argv = [
        "tcpdump",
        "-i",
        "any",
        "-n",
        "-vv",
        "-s",
        "0",
        "-B",
        "16384",
        "-Z",
        "root",
        "-Q",
        "in",
        "-c",
        "3000",
      ];
      const { promise: listening, resolve } = Promise.withResolvers<void>();
      const filter = "tcp and src net 10.1.0.0/24 or ip6 and src net fd00:1::/64";
      const watch = attempt(inside(ns("vpc"), [...argv, filter]), {
        timeoutMs: 120_000,
        started: (child) => child.stderr!.on("data", (said) => String(said).includes("listening on") && resolve()),
      });
      await Promise.race([listening, watch]);
      for (const address of ["10.100.0.2", "fd00:100::2"]) await exchange("branch-a-lan", "vpc", address);
      const { stdout } = await watch;
      expect(stdout.match(/cksum 0x[0-9a-f]+ \(correct\)/g)?.length).toBeGreaterThan(2000);
      expect(stdout).not.toContain("incorrect");
      const kernel = await run(inside(ns("vpc"), ["cat", "/proc/net/snmp"]));
      const [names, values] = [...kernel.matchAll(/^Tcp: (.*)$/gm)].map((match) => match[1]!.split(" "));
      expect(values![names!.indexOf("InCsumErrors")]).toBe("0");
    },
    90_000,
  );

  describe("over a bottleneck with a short queue, which loses packets", () => {
    const devices = ["to-gw", "to-a", "to-nat-b"];

    beforeAll(async () => {
      for (const device of devices) {
        await run(inside(ns("internet"), ["tc", "qdisc", "add", "dev", device, "root", ...BOTTLENECK]));
      }
    });

    afterAll(async () => {
      for (const device of devices) {
        await run(inside(ns("internet"), ["tc", "qdisc", "del", "dev", device, "root"]));
      }
    });

    it("a TCP connection carries every byte, thanks to SACK", async () => {
      await exchange("branch-a-lan", "vpc", "10.100.0.2", BYTES / 2);
      await exchange("branch-b-lan", "vpc", "10.100.0.2", BYTES / 2);
      const kernel = await run(inside(ns("branch-a-lan"), ["cat", "/proc/net/netstat"]));
      const [names, values] = [...kernel.matchAll(/^TcpExt: (.*)$/gm)].map((match) => match[1]!.split(" "));
      expect(Number(values![names!.indexOf("TCPSackRecovery")])).toBeGreaterThan(0);
    });
  });

  it("and the path is as it was", async () => {
    const result = await ping(ns("branch-a-lan"), "10.100.0.2", { count: 3, interval: 0.05, patience: 10 });
    expect(result.received).toBe(3);
    const { drops } = await lab().router("branch-a").status();
    for (const name of ["ip-malformed", "send-refused", "tun-write"]) expect(drops[name], name).toBe(0);
  });
});
