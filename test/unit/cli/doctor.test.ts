import { expect, it } from "vitest";
import { lines } from "../../../src/cli/doctor.ts";
import { failure, ok, warning } from "../../../src/router/doctor/check.ts";

it("what the doctor finds is read at a glance", () => {
  expect(lines([ok("a", "Good."), warning("long name", "Hm.", "Do it."), failure("c", "No.", "")], false)).toEqual([
    "ok       a          Good.",
    "warning  long name  Hm.",
    "                    → Do it.",
    "failure  c          No.",
    "",
    "3 checks: 1 failure, 1 warning",
    "ports and LAN interfaces are looked at with a configuration: vcpe doctor -c FILE",
  ]);
});
