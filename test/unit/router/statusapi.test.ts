import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ask, chooseRouter, living } from "../../../src/router/status/client.ts";
import type { ReloadReply } from "../../../src/router/status/schema.ts";
import { BRANCH } from "./configuration.ts";
import type { Rig } from "./rig.ts";
import { run, start } from "./started.ts";

describe("a status socket", () => {
  it("that answers nonsense is an error in words", async () => {
    const root = mkdtempSync(join(tmpdir(), "vcpe-status-"));
    mkdirSync(join(root, "odd"));
    const server = createServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\noops"));
    }).listen(join(root, "odd", "status.sock"));
    await expect(ask("odd", "GET", "/status", undefined, root)).rejects.toMatchObject({ code: "no-answer" });
    server.close();
    rmSync(root, { recursive: true });
  });
});

describe("the status API", () => {
  const post = (made: Rig, path: string, body?: object) => ask<ReloadReply>("branch-a", "POST", path, body, run(made));

  it("finds the routers that live", async () => {
    const made = await start();
    expect(await living(run(made))).toEqual(["branch-a"]);
    expect(await chooseRouter(undefined, run(made))).toBe("branch-a");
    expect(await living(join(made.root, "absent"))).toEqual([]);
    await expect(chooseRouter(undefined, join(made.root, "absent"))).rejects.toMatchObject({ code: "not-running" });
    await expect(ask("other", "GET", "/status", undefined, run(made))).rejects.toMatchObject({ code: "not-running" });
  });

  it("reloads, and tells what is wrong with a file", async () => {
    const made = await start();
    expect(await post(made, "/reload")).toEqual({ applied: [], warnings: [] });
    made.write(BRANCH.replace("lifetime: 4h", "lifetime: long"));
    await expect(post(made, "/reload")).rejects.toMatchObject({
      code: "config-invalid",
      problems: [expect.stringContaining("branch-a.yaml:14:67: tunnels[0].ike.lifetime")],
    });
  });

  it.each([
    ["/tunnels/none/rekey", {}, "unknown-tunnel"],
    ["/tunnels/none/initiate", undefined, "unknown-tunnel"],
    ["/tunnels/none/terminate", undefined, "unknown-tunnel"],
    ["/tunnels/to-gateway/rekey", { what: "child" }, "not-possible"],
    ["/tunnels/to-gateway/rekey", { what: "everything" }, "fst_err_validation"],
    ["/tunnels/to-gateway/explode", undefined, "no-such-path"],
  ])("refuses POST %s %o", async (path, body, code) => {
    const made = await start();
    await expect(post(made, path, body)).rejects.toMatchObject({ code });
  });

  it("ends and starts a tunnel", async () => {
    const made = await start();
    await post(made, "/tunnels/to-gateway/terminate");
    expect(made.opened.router.tunnelState("to-gateway")).toBe("down");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await post(made, "/tunnels/to-gateway/initiate");
    expect(made.opened.router.tunnelState("to-gateway")).toBe("connecting");
  });
});
