import { expect, it } from "vitest";
import { COLUMNS, LEAST } from "../../../../src/cli/client/columns.ts";
import type { Item } from "../../../../src/cli/client/item.ts";
import { fitted } from "../../../../src/cli/fit.ts";
import { table } from "../../../../src/cli/table.ts";

it("the device that carries an instance has a mark, and where that is a guess, a doubtful one", () => {
  const cell = COLUMNS.instance.find(([heading]) => heading === "DEVICES")![1];
  const devices = new Map([
    [
      "ins",
      [
        { id: "b", role: "standby" },
        { id: "a", role: "active" },
      ] as unknown as Item[],
    ],
  ]);
  const shown = (carrier: string | null, carrierKnownBy: string | null) =>
    cell({ id: "ins", status: { carrier, carrierKnownBy } } as unknown as Item, { names: () => "", devices });
  expect(shown("b", "gateway")).toBe("a b*");
  expect(shown("a", "devices")).toBe("a*? b");
  expect(shown(null, "gateway")).toBe("a b");
  // Of a console that does not say how it knows.
  expect(shown("a", undefined as unknown as null)).toBe("a* b");
});

it("the rules of the tutorial fit into 80 characters", () => {
  const rule = {
    name: "hangzhou-branch-to-shanghai-vpc",
    direction: "ingress",
    policy: "accept",
    protocol: "all",
    ports: "-1/-1",
    cidr: "172.16.0.0/16",
    priority: 1,
  } as unknown as Item;
  const cells = [COLUMNS.rule.map(([, cell]) => cell(rule, { names: () => "shanghai-vpc-sg", devices: new Map() }))];
  const shape = fitted(
    COLUMNS.rule.map(([heading]) => heading),
    cells,
    { width: 80, least: LEAST.rule },
  );
  for (const line of table(shape.heading, shape.cells)) expect(line.length).toBeLessThanOrEqual(80);
  expect(shape.heading).toEqual(expect.arrayContaining(["NAME", "POLICY", "CIDR"]));
});
