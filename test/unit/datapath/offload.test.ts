import { expect, test } from "vitest";
import { ALL_OFFLOADS, gsoFault, Offloads } from "../../../src/datapath/offload.ts";

test("each offload says that it is on, or why not", () => {
  const offloads = new Offloads({ ...ALL_OFFLOADS, coalesce: false }, "6.18.1");
  offloads.refused("uso", "this kernel has none");
  offloads.refused("coalesce", "another reason");
  expect(offloads.states()).toEqual({
    tso: "on",
    uso: "off: this kernel has none",
    gso: "on",
    gro: "on",
    coalesce: "off: by configuration",
  });
  expect([offloads.isOn("tso"), offloads.isOn("uso")]).toEqual([true, false]);
});

test("UDP GSO is left alone on kernels that mangle it", () => {
  for (const kernel of ["7.0.0", "7.1.3-generic", "7.0-rc4", "7.1"]) expect(gsoFault(kernel), kernel).toContain(kernel);
  for (const kernel of ["6.18.44", "7.2.0", "7.10.1", "17.0.1", "5.7.0"])
    expect(gsoFault(kernel), kernel).toBeUndefined();
  expect(new Offloads(ALL_OFFLOADS, "7.1.3").states().gso).toMatch(/^off: Linux 7\.1\.3 /);
  expect(new Offloads({ ...ALL_OFFLOADS, gso: false }, "7.1.3").states().gso).toBe("off: by configuration");
});
