import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PLAN, SITES } from "../../../src/lab/plan.ts";
import { siteConfig, writeConfig, writeKey } from "../../../src/lab/site.ts";
import { readConfig } from "../../../src/router/config/read.ts";

describe("the lab's sites", () => {
  it("get configurations that the router takes without a warning, and keys for the owner alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "lab-"));
    try {
      const keys = new Map(["branch-a", "branch-b"].map((edge) => [edge, writeKey(folder, edge)]));
      for (const site of SITES) {
        const config = siteConfig(
          site,
          (place) => `x-${place}`,
          (edge) => keys.get(edge)!,
        );
        const read = readConfig(writeConfig(folder, site.router, config));
        expect(read.warnings).toEqual([]);
        expect(read.config.name).toBe(`x-${site.router}`);
        expect(read.config.tunnels).toHaveLength(site.role === "gateway" ? 2 : 1);
      }
      const [first, second] = [...keys.values()].map((file) => readFileSync(file, "utf8"));
      expect(first).not.toBe(second);
      expect(first!.length).toBeGreaterThanOrEqual(43);
      for (const file of keys.values()) expect(statSync(file).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("have their routers and hosts at places of the plan, with the addresses that it gives them", () => {
    const ends = PLAN.links.flatMap((link) => link.ends);
    for (const site of SITES) {
      expect(PLAN.places.map((place) => place.name)).toEqual(expect.arrayContaining([site.router, site.host]));
      const addresses = ends.filter((end) => end.place === site.host).flatMap((end) => end.addresses);
      for (const address of Object.values(site.hostAddresses)) {
        expect(addresses.some((candidate) => candidate.startsWith(`${address}/`))).toBe(true);
      }
    }
  });

  it("are joined by links between places that exist, each device once a place", () => {
    const names = new Set(PLAN.places.map((place) => place.name));
    const devices = PLAN.links.flatMap((link) => link.ends).map((end) => `${end.place} ${end.device}`);
    expect(new Set(devices).size).toBe(devices.length);
    for (const { place } of [...PLAN.links.flatMap((link) => link.ends), ...PLAN.routes])
      expect(names).toContain(place);
  });
});
