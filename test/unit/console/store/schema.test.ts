/** Stores of earlier consoles: what they hold stays, and is allowed by the rules of today. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { EXAMPLES } from "../../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../../src/console/api/specs.ts";
import { SYSTEM } from "../../../../src/console/author.ts";
import { type Desk, openDesk } from "../../../../src/console/desk/desk.ts";
import { Draft, type OwnKind } from "../../../../src/console/desk/draft.ts";
import { EMPTY } from "../../../../src/console/model/intent.ts";
import type { Written } from "../../../../src/console/model/resources.ts";
import { violations } from "../../../../src/console/model/rules.ts";
import { openDatabase } from "../../../../src/console/store/database.ts";
import { ResourceTable } from "../../../../src/console/store/resources.ts";
import { STORE_MIGRATIONS } from "../../../../src/console/store/schema.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-schema-"));
afterAll(() => rmSync(folder, { recursive: true }));

function create(desk: Desk, kind: OwnKind, written: object) {
  return desk.change(SYSTEM, `create ${kind}`, (intent) => {
    const draft = new Draft(desk, intent);
    draft.create(kind, written as Written<OwnKind>);
    return draft.changes();
  });
}

it("from before they were listed: access points offer the interfaces that leased lines end at", () => {
  const database = openDatabase(":memory:", STORE_MIGRATIONS.slice(0, 2));
  const put = database.prepare("INSERT INTO resource VALUES (?, ?, ?, 1, '', '', ?)");
  for (const name of ["east", "west"])
    put.run("access-point", `ap-${name}`, name, JSON.stringify({ name, ipv4: null }));
  for (const name of ["eth2.7", "eth1"])
    put.run("vbr", `vbr-${name}`, name, JSON.stringify({ name, accessPoint: "ap-east", interface: name }));
  database.exec(STORE_MIGRATIONS[2].sql);
  const { "access-point": points, vbr } = new ResourceTable(database).read();
  expect(points.get("ap-east")).toMatchObject({ name: "east", ipv4: null, lineInterfaces: ["eth1", "eth2.7"] });
  expect(points.get("ap-west")!.lineInterfaces).toEqual([]);
  expect(vbr.get("vbr-eth1")).toMatchObject({ accessPoint: "ap-east", interface: "eth1" });
  expect(vbr.get("vbr-eth1")).not.toHaveProperty("lineInterfaces");
});

it("from before they were listed: access points offer the namespaces and VRF devices that VPCs are in", async () => {
  const path = join(folder, "unlisted.db");
  const first = openDatabase(
    path,
    STORE_MIGRATIONS.filter(({ name }) => name !== "store-4"),
  );
  const before = openDesk(first);
  for (const kind of OWN_KINDS) {
    const all = { vpcNamespaces: ["vpc-shanghai", "a-namespace"], vpcVrfs: ["red", "blue.7"] };
    await create(before, kind, kind === "access-point" ? { ...EXAMPLES[kind], ...all } : EXAMPLES[kind]);
  }
  const places = [
    { kind: "vrf", device: "red" },
    { kind: "vrf", device: "blue.7" },
    { kind: "namespace", name: "a-namespace" },
    { kind: "host" },
  ];
  for (const [i, place] of places.entries())
    await create(before, "vpc", {
      name: `more-${i}`,
      accessPoint: "shanghai",
      cidr: `10.9${i}.0.0/16`,
      place,
      cen: "corp",
    });
  await create(before, "access-point", { name: "idle", area: "mainland", region: "idle", ipv4: "198.51.100.9" });
  const { intent } = before;
  const parts = (desk: Desk) => [...intent.device.keys()].map((id) => [id, desk.parts(id), desk.versionOf(id)]);
  const had = parts(before);
  before.close();
  first.exec(
    "UPDATE resource SET spec = json_remove(spec, '$.vpcNamespaces', '$.vpcVrfs') WHERE kind = 'access-point'",
  );
  first.close();

  const second = openDatabase(path, STORE_MIGRATIONS);
  const after = openDesk(second);
  expect(after.find("access-point", "shanghai")).toMatchObject({
    ipv4: "198.51.100.1",
    lineInterfaces: ["eth2"],
    vpcNamespaces: ["a-namespace", "vpc-shanghai"],
    vpcVrfs: ["blue.7", "red"],
  });
  expect(after.find("access-point", "idle")).toMatchObject({ vpcNamespaces: [], vpcVrfs: [] });
  expect(after.intent.vpc).toEqual(intent.vpc);
  expect(parts(after)).toEqual(had);
  const all = Object.values(after.intent).flatMap((map) => [...map.values()]);
  const changes = all.map((one) => ({ kind: one.kind, id: one.id, before: undefined, after: one }));
  expect(violations(EMPTY, changes)).toEqual([]);
  after.close();
  second.close();
});
