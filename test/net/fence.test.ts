/** What is meant for a tunnel never leaves by the host's default route, whatever becomes of the TUN device. */
import { describe, expect, it } from "vitest";
import { inside, run } from "../../src/lab/command.ts";
import { type SiteConfig, writeConfig } from "../../src/lab/site.ts";
import { eventually, pause, region } from "./region.ts";
import { asRoot } from "./root.ts";

describe.skipIf(!asRoot("fences"))("an edge whose host has a default route", () => {
  const lab = region("n");

  /** The device that a packet to the VPC leaves by; undefined: by none. */
  async function way(address = "10.100.0.2"): Promise<string | undefined> {
    const argv = ["ip", "-o", "route", "get", address];
    return run(inside(lab().namespace("branch-a"), argv)).then(
      (text) => /dev (\S+)/.exec(text)?.[1],
      () => undefined,
    );
  }

  const ways = async () => [await way(), await way("fd00:100::2")];

  it("keeps it in while its device gets another name, is taken down, and when the edge is killed; until it ends in order", async () => {
    expect(await ways()).toEqual(["vcpe0", "vcpe0"]);
    const wan = await way("203.0.113.77");
    expect(wan).not.toBe("vcpe0");

    const edge = lab().router("branch-a");
    const config: SiteConfig = lab().config("branch-a");
    const renamed = JSON.parse(JSON.stringify(config).replaceAll("vcpe0", "vcpe9")) as SiteConfig;
    expect(renamed).not.toEqual(config);
    writeConfig(lab().state.folder, "branch-a", renamed);
    let done = false;
    const seen = new Set<string | undefined>();
    const look = async () => {
      for (; !done; await pause(5)) seen.add(await way());
    };
    const reload = edge.reload().finally(() => {
      done = true;
    });
    const [answer] = await Promise.all([reload, look()]);
    expect(answer.code).toBe(200);
    expect(seen).not.toContain(wan);
    expect(await ways()).toEqual(["vcpe9", "vcpe9"]);

    await run(inside(lab().namespace("branch-a"), ["ip", "link", "set", "vcpe9", "down"]));
    expect(await ways()).toEqual([undefined, undefined]);

    edge.daemon.signal("SIGKILL");
    await eventually("the edge is gone", async () => !edge.daemon.running);
    expect(await ways()).toEqual([undefined, undefined]);

    const again = lab().startRouter("branch-a");
    await again.answering();
    await again.tunnelsUp();
    // It starts from the file that the lab writes.
    expect(await ways()).toEqual(["vcpe0", "vcpe0"]);
    await again.daemon.stop();
    expect(await way()).toBe(wan);
  }, 60_000);
});
