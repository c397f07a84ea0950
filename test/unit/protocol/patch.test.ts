import fc from "fast-check";
import { expect, it } from "vitest";
import { patched, patchOf } from "../../../src/protocol/patch.ts";

const members = fc.dictionary(
  fc.constantFrom("a", "b", "routes", "__proto__"),
  fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 })),
);

it("makes of what was what is", () => {
  fc.assert(
    fc.property(members, members, (before, after) => {
      const patch = JSON.parse(JSON.stringify(patchOf(before, after)));
      expect(JSON.parse(JSON.stringify(patched(before, patch)))).toEqual(JSON.parse(JSON.stringify(after)));
    }),
  );
});

it("says of a long list what is new in it, and of nothing nothing", () => {
  const routes = Array.from({ length: 1000 }, (_, i) => ({ prefix: `10.0.${i}.0/24` }));
  const more = { prefix: "172.16.0.0/16" };
  const before = { routes, peer: "x", gone: 1 };
  expect(patchOf(before, { routes: routes.toSpliced(500, 0, more), peer: "y" })).toEqual({
    set: { peer: "y" },
    unset: ["gone"],
    splice: { routes: { at: 500, remove: 0, insert: [more] } },
  });
  expect(patchOf(before, { ...before, routes: routes.toSpliced(999, 1) })?.splice.routes).toEqual({
    at: 999,
    remove: 1,
    insert: [],
  });
  expect(patchOf(before, before)).toEqual({ set: {}, unset: [], splice: {} });
  expect(patchOf([], {})).toBeUndefined();
});

it("is refused by a part that it is not of", () => {
  const splice = { routes: { at: 3, remove: 1, insert: [] } };
  expect(patched({ routes: [1, 2, 3] }, { set: {}, unset: [], splice })).toBeUndefined();
  expect(patched({}, { set: {}, unset: [], splice })).toBeUndefined();
  expect(patched(undefined, { set: {}, unset: [], splice: {} })).toBeUndefined();
});
