import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseVici, ViciError } from "../../../src/lab/vici.ts";

describe("strongSwan's raw text", () => {
  it("has values, lists and sections", () => {
    const text =
      "{t {uniqueid=2 state=ESTABLISHED child-sas {c-1 {name=c local-ts=[10.1.0.0/24 fd00:1::/64]} c-2 {}}}}";
    expect(parseVici(text)).toEqual({
      t: {
        uniqueid: "2",
        state: "ESTABLISHED",
        "child-sas": { "c-1": { name: "c", "local-ts": ["10.1.0.0/24", "fd00:1::/64"] }, "c-2": {} },
      },
    });
  });

  it("throws nothing but ViciError, whatever it is", () => {
    const piece = fc.constantFrom("{", "}", "[", "]", "=", " ", "a", "__proto__", "\n");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
        try {
          parseVici(`{${pieces.join("")}`);
        } catch (error) {
          if (!(error instanceof ViciError)) throw error;
        }
      }),
      { interruptAfterTimeLimit: 2000, numRuns: 3000 },
    );
  });
});
