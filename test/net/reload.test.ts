/** A changed file: a bad one changes nothing; what did not change does not lose a packet. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PingStream, ping } from "../../src/lab/ping.ts";
import { type SiteConfig, writeConfig } from "../../src/lab/site.ts";
import type { RouterStatus } from "../../src/lab/status.ts";
import { eventually, pause, region } from "./region.ts";
import { asRoot } from "./root.ts";

describe.skipIf(!asRoot("reload"))("a changed file", () => {
  const lab = region("l");

  const tunnel = (status: RouterStatus, name: string) => status.tunnels.find((found) => found.name === name)!;

  async function change(place: string, edit: (config: SiteConfig) => void): Promise<{ code: number; body: unknown }> {
    const config = lab().config(place);
    edit(config);
    writeConfig(lab().state.folder, place, config);
    return lab().router(place).reload();
  }

  it("with an error in it changes nothing, and says where the error is", async () => {
    const gateway = lab().router("gw");
    const before = await gateway.status();
    const good = readFileSync(gateway.config, "utf8");
    const stream = new PingStream(lab().namespace("branch-a-lan"), "10.100.0.2");
    const bad = [
      "tunnels: {",
      good.replace("start: respond", "start: perhaps"),
      good.replaceAll("vrf: main", "vrf: other"),
    ];
    const answers = [];
    for (const text of bad) {
      writeFileSync(gateway.config, text);
      answers.push(await gateway.reload());
      await pause(200);
    }
    writeFileSync(gateway.config, good);
    const result = await stream.stop();
    for (const { code, body } of answers) {
      expect(code).toBeGreaterThanOrEqual(400);
      expect(JSON.stringify(body)).toMatch(/gw\.yaml:\d+/);
    }
    expect(result.lost).toEqual([]);
    const after = await gateway.status();
    const kept = (status: RouterStatus) => ({
      spis: status.tunnels.map(({ ike, children }) => [ike?.spiLocal, children.map((child) => child.spiIn)]),
      routes: status.routes,
    });
    expect(kept(after)).toEqual(kept(before));
  });

  it("that is the same does nothing", async () => {
    const answer = await lab().router("gw").reload();
    expect(answer).toMatchObject({ code: 200, body: { applied: [] } });
  });

  it("moves a changed tunnel and leaves the other without a lost packet", async () => {
    const gateway = lab().router("gw");
    const before = await gateway.status();
    const stream = new PingStream(lab().namespace("branch-a-lan"), "10.100.0.2");
    const back = new PingStream(lab().namespace("vpc"), "fd00:1::2");
    // branch-b's tunnel gets another ESP cipher on either side: its SAs have to be made anew.
    const other = (config: SiteConfig) => {
      for (const found of config.tunnels) {
        if (found.name === "to-branch-b" || config.name.endsWith("branch-b"))
          found.esp = { proposals: ["aes128gcm16"] };
      }
    };
    expect(await change("gw", other)).toMatchObject({ code: 200 });
    expect(await change("branch-b", other)).toMatchObject({ code: 200 });
    // Asked of both: the gateway answers, so it has its SAs a message before branch-b has its own.
    await eventually(
      "branch-b and the gateway talk AES",
      async () => {
        const [here, there] = await Promise.all([gateway.status(), lab().router("branch-b").status()]);
        return [tunnel(here, "to-branch-b"), ...there.tunnels].every(
          ({ state, children }) => state === "up" && children.some(({ cipher }) => cipher === "aes128gcm16"),
        );
      },
      30_000,
    );
    const reached = await ping(lab().namespace("branch-b-lan"), "10.100.0.2", {
      count: 5,
      interval: 0.02,
      patience: 10,
    });
    const results = await Promise.all([stream.stop(), back.stop()]);
    expect(reached.received).toBe(5);
    for (const result of results) expect(result.lost).toEqual([]);
    const after = await gateway.status();
    expect(tunnel(after, "to-branch-a").ike?.spiLocal).toBe(tunnel(before, "to-branch-a").ike?.spiLocal);
    expect(tunnel(after, "to-branch-a").children[0]!.spiIn).toBe(tunnel(before, "to-branch-a").children[0]!.spiIn);
  });

  it("adds and takes away routes and tunnels", async () => {
    const stream = new PingStream(lab().namespace("branch-a-lan"), "fd00:100::2");
    const added = await change("gw", (config) => {
      config.routes = [{ vrf: "main", prefix: "10.66.0.0/16", via: "blackhole" }];
      config.tunnels.push({
        ...config.tunnels[0]!,
        name: "to-branch-c",
        peer: { id: "branch-c.vcpe.test" },
        routes: ["10.3.0.0/24"],
      });
    });
    expect(added).toMatchObject({ code: 200 });
    const gateway = lab().router("gw");
    const more = await gateway.status();
    expect(more.tunnels.map((found) => found.name)).toContain("to-branch-c");
    expect(more.routes.map((route) => route.prefix)).toEqual(expect.arrayContaining(["10.66.0.0/16", "10.3.0.0/24"]));
    // Back to the first file; only branch-b is touched again, as its cipher was another one meanwhile.
    expect(await change("gw", () => undefined)).toMatchObject({ code: 200 });
    const less = await gateway.status();
    expect(less.tunnels.map((found) => found.name)).not.toContain("to-branch-c");
    expect(less.routes.map((route) => route.prefix)).not.toContain("10.66.0.0/16");
    expect((await stream.stop()).lost).toEqual([]);
  });
});
