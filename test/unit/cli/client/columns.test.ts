import { expect, it } from "vitest";
import { COLUMNS } from "../../../../src/cli/client/columns.ts";
import type { Item } from "../../../../src/cli/client/item.ts";

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
