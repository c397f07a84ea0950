import fc from "fast-check";
import { expect, it } from "vitest";
import { canonical, partHash } from "../../../src/protocol/parts.ts";
import { sharedHash, sharedText } from "../../../src/protocol/shared.ts";
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

it("hashes as everybody else, long lists by themselves", () => {
  const list = (length: number, last: number) => freeze(Array.from({ length }, (_, i) => ({ n: i === 0 ? last : i })));
  const hashes = new Set<string>();
  for (const routes of [list(15, 1), list(15, 2), list(16, 1), list(16, 2), list(1000, 1), list(1000, 2)]) {
    for (const name of ["a", "b"]) {
      const part = freeze({ name, routes, none: [] });
      expect(sharedHash(part)).toBe(partHash(structuredClone(part)));
      hashes.add(sharedHash(part));
    }
  }
  expect(hashes.size).toBe(12);
  expect(sharedHash(freeze(null))).toBe(partHash(null));
});
