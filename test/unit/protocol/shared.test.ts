import fc from "fast-check";
import { expect, it } from "vitest";
import { canonical } from "../../../src/protocol/parts.ts";
import { sharedText } from "../../../src/protocol/shared.ts";
import { freeze } from "../../../src/router/config/config.ts";

const value = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });

it("is the canonical text, whatever is shared", () => {
  fc.assert(
    fc.property(value, value, fc.string(), (one, other, key) => {
      const shared = { [key]: one };
      // The same values under the same keys, and others there, in turns.
      for (const part of [
        { ike: shared, list: [shared, other, shared], x: one },
        { ike: shared, list: [other, [shared]], x: other },
        { x: shared, ike: other, absent: undefined, list: [] },
      ]) {
        expect(sharedText(freeze(part))).toBe(canonical(part));
      }
    }),
  );
});

it("does not keep what may change", () => {
  const route = { prefix: "10.0.0.0/8" };
  const part = { routes: [route], ike: { suite: "a" } };
  expect(sharedText(part)).toBe(canonical(part));
  route.prefix = "10.1.0.0/16";
  part.ike.suite = "b";
  expect(sharedText(part)).toBe('{"ike":{"suite":"b"},"routes":[{"prefix":"10.1.0.0/16"}]}');
});
