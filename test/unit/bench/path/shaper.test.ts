import { describe, expect, it } from "vitest";
import { BATCH } from "../../../../assembly/layout.ts";
import { ShapedBed } from "../../../../bench/path/shaper.ts";

describe("the tunnel that is held to a rate while it is measured", () => {
  it.each(["64", "1024"])("lets packets of %s bytes pass below its rate, and none waits", (size) => {
    const bed = new ShapedBed(size, { what: "", rate: "below", flows: 1 });
    expect(bed.carry(20)).toBeGreaterThan(0);
    expect(bed.waiting).toBe(0);
  });

  it.each([1, 8])("keeps a queue of %i flows at its rate: as many leave as come, and none is dropped", (flows) => {
    const bed = new ShapedBed("1024", { what: "", rate: "at", flows });
    const before = bed.waiting;
    expect(before).toBeGreaterThanOrEqual(2 * BATCH);
    // `carry` throws when a packet is dropped or did not wait.
    expect(bed.carry(200)).toBeGreaterThan(0);
    expect(bed.waiting).toBeGreaterThan(BATCH);
    expect(bed.waiting).toBeLessThan(before + BATCH);
  });
});
