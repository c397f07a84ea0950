/** A gateway that is full: the change that would be too much is refused, and it alone. */
import { describe, expect, it } from "vitest";
import { SYSTEM } from "../../../src/console/author.ts";
import { outlook } from "../../../src/console/compile/room.ts";
import { type Desk, openDesk } from "../../../src/console/desk/desk.ts";
import type { Change } from "../../../src/console/model/intent.ts";
import type { Resource } from "../../../src/console/model/resources.ts";
import { openDatabase } from "../../../src/console/store/database.ts";
import { STORE_MIGRATIONS } from "../../../src/console/store/schema.ts";
import { changed } from "../protocol/parts.ts";
import { change, creation, deletion, resource, Site, tutorial } from "./world.ts";

const GATEWAY = "vcpe000000000001";

async function deskOf(changes: readonly Change[]): Promise<Desk> {
  const desk = openDesk(openDatabase(":memory:", STORE_MIGRATIONS));
  await desk.change(SYSTEM, "begin", () => changes);
  return desk;
}

async function expectRefused(desk: Desk, changes: readonly Change[], code: string, message: string): Promise<void> {
  const [parts, revision, intent] = [desk.parts(GATEWAY), desk.revision, desk.intent];
  const refused = expect.objectContaining({ status: 422, code, message: expect.stringContaining(message) });
  expect(() => desk.preview(() => changes)).toThrow(refused);
  await expect(desk.change(SYSTEM, "too much", () => changes)).rejects.toThrow(refused);
  expect([desk.revision, desk.intent]).toEqual([revision, intent]);
  expect(desk.parts(GATEWAY)).toEqual(parts);
}

it("what a router would have is seen without making it", () => {
  const parts = new Map(["a", "b", "c"].map((key) => [key, `${key} before`]));
  const delta = { put: new Map(["b", "x"].map((key) => [key, `${key} now`])), remove: new Set(["c"]) };
  for (const before of [parts, undefined, new Map()]) {
    const given = before === parts ? delta : { ...delta, remove: new Set<string>() };
    const [seen, made] = [outlook(before, given), changed(before ?? new Map(), given)];
    expect([seen.size, [...seen.keys()].sort()]).toEqual([made.size, [...made.keys()].sort()]);
    for (const key of seen.keys()) expect(seen.get(key)).toBe(made.get(key));
  }
});

describe("a gateway", () => {
  it("has no more networks than its datapath has routing domains", async () => {
    const site = new Site().area("east").point("one", "east", "198.51.100.1");
    for (let i = 0; i <= 4000; i++) {
      site.add("ccn", `ccn-${i}`, { name: `net${i}`, area: "area-east" });
      site.branch(`b${i}`, "east", `${i}`, ["10.0.0.0/24"]);
    }
    const last = site.changes.filter(({ id }) => id === "ins-b4000");
    const rest = site.changes.map((one) =>
      one.id === "ins-b4000" ? creation({ ...(one.after as Resource<"instance">), ccn: null }) : one,
    );
    const desk = await deskOf(rest);
    const bind = [change(desk.intent, "instance", "ins-b4000", { ccn: "ccn-4000" })];
    expect(last).toHaveLength(1);
    await expectRefused(desk, bind, "access-point-full", "access point one would have 4001 networks");
    // One goes, and there is room for one.
    const swap = [change(desk.intent, "instance", "ins-b0", { ccn: null }), ...bind];
    await desk.change(SYSTEM, "swap", () => swap);
    expect(desk.parts(GATEWAY)!.has("vrf/ccn-4000")).toBe(true);
  }, 60_000);

  it("has no more rules for a VPC than are bearable, and takes fewer", async () => {
    const rule = (i: number) =>
      creation(
        resource("rule", `sgr-${i}`, {
          name: `r${i}`,
          securityGroup: "sg-shanghai",
          direction: "ingress",
          policy: "accept",
          protocol: "tcp",
          ports: `${i + 1}/${i + 1}`,
          cidr: "172.16.0.0/12",
        }) as unknown as Resource,
      );
    // With the tutorial's own they are a thousand.
    const desk = await deskOf([...tutorial().changes, ...Array.from({ length: 999 }, (_, i) => rule(i))]);
    const words = "the security groups of VPC shanghai would have 1001 rules";
    await expectRefused(desk, [rule(999)], "too-many-rules", words);
    await desk.change(SYSTEM, "fewer", () => [deletion(desk.intent, "rule", "sgr-0")]);
    await desk.change(SYSTEM, "again", () => [rule(999)]);
  }, 120_000);
});
