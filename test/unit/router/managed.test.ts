/** A router without a file: a console decides. And what is told of it again and again. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Observer } from "../../../src/router/observe.ts";
import { openRouter } from "../../../src/router/open.ts";
import type { Router } from "../../../src/router/router.ts";
import { ask } from "../../../src/router/status/client.ts";
import type { RouterStatus } from "../../../src/router/status/schema.ts";
import { BRANCH, parse } from "./configuration.ts";
import { FakeHost } from "./fakehost.ts";
import { FakePlane } from "./fakeplane.ts";
import { connected } from "./rig.ts";
import { silent } from "./silent.ts";

const MANAGED = {
  console: "https://console.example",
  connected: false,
  trouble: "it is away",
  lastSeen: null,
  applied: 7,
  refused: null,
  certificateUntil: "2026-12-01T00:00:00.000Z",
};

describe("a managed router", () => {
  it("says so in its status, refuses to reload, and becomes what it is told", async () => {
    const root = mkdtempSync(join(tmpdir(), "vcpe-managed-"));
    const [plane, host] = [new FakePlane(), new FakeHost()];
    connected(plane, host);
    const opened = await openRouter({
      read: parse(BRANCH),
      state: join(root, "kept"),
      managed: () => MANAGED,
      log: silent,
      failed: () => undefined,
      root,
      host,
      plane: async () => plane,
    });
    try {
      expect((await ask<RouterStatus>("branch-a", "GET", "/status", undefined, root)).managed).toEqual(MANAGED);
      await expect(ask("branch-a", "POST", "/reload", undefined, root)).rejects.toMatchObject({
        code: "not-possible",
        message: expect.stringContaining("the console decides"),
      });
      const more = parse(`${BRANCH}  - { vrf: main, prefix: 10.67.0.0/16, via: blackhole }\n`);
      expect((await opened.apply(more.config, more.secrets)).join()).toContain("add route main 10.67.0.0/16");
      expect(opened.observer.observe().tunnels.map(({ name, state }) => `${name} ${state}`)).toEqual([
        "to-gateway connecting",
      ]);
      expect(opened.observer.states().get("to-gateway")).toBe("connecting");
    } finally {
      await opened.close();
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe("traffic of a tunnel", () => {
  it("goes on growing when one SA follows another, and starts at nothing for a tunnel that comes again", () => {
    let children: { id: number }[] = [{ id: 1 }];
    let names = ["t"];
    const counts = new Map([[1, 10]]);
    const router = {
      get config() {
        return { tunnels: names.map((name) => ({ name })), attachments: [] };
      },
      attachments: { states: () => new Map() },
      fabric: { carries: () => undefined, silent: () => false },
      keying: { handle: (id: number) => id, lastError: () => undefined },
      parts: {
        ike: { status: () => [{ name: "t", state: "up", since: 0, children }] },
        plane: {
          counters: () => ({}),
          traffic: (id: number) => {
            const packets = counts.get(id) ?? 0;
            return { inbound: { packets, bytes: packets * 10 }, outbound: { packets: 1, bytes: 1 } };
          },
        },
      },
    } as unknown as Router;
    const observer = new Observer(router);
    const packets = () => observer.observe().tunnels[0]?.in.packets;
    expect(packets()).toBe(10);
    counts.set(1, 15);
    expect(packets()).toBe(15);
    children = [{ id: 1 }, { id: 2 }];
    counts.set(2, 3);
    expect(packets()).toBe(18);
    children = [{ id: 2 }];
    counts.set(2, 4);
    expect(packets()).toBe(19);
    names = [];
    expect(packets()).toBeUndefined();
    names = ["t"];
    expect(packets()).toBe(4);
  });
});
