import { expect, it } from "vitest";
import { Homes } from "../../../src/router/homes.ts";

it("tunnels get homes in turn, keep them, and leave them to others when they go", () => {
  const homes = new Homes();
  const names = Array.from({ length: 8 }, (_, i) => `t${i}`);
  expect(names.map((name) => homes.of(name))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  homes.forget("t2");
  homes.forget("t5");
  homes.forget("t5");
  homes.forget("never there");
  expect([homes.of("a"), homes.of("b"), homes.of("c")].sort()).toEqual([2, 5, 8]);
  expect(homes.of("t7")).toBe(7);
});

it("ten thousand that came and went leave nothing behind", () => {
  const homes = new Homes();
  homes.of("stays");
  for (let i = 0; i < 10_000; i++) {
    homes.of(`t${i}`);
    homes.forget(`t${i}`);
  }
  expect(homes.size).toBe(2);
  homes.forget("stays");
  expect(homes.size).toBe(0);
});
