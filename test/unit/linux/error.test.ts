import { expect, test } from "vitest";
import { errnoName, failed, LinuxError } from "../../../src/linux/error.ts";

test("an errno becomes a code, a sentence and the next step", () => {
  const error = failed(1, "make the TUN device vcpe0");
  expect(error).toBeInstanceOf(LinuxError);
  expect(error.code).toBe("not-permitted");
  expect(error.errno).toBe("EPERM");
  expect(error.message).toMatch(/^Could not make the TUN device vcpe0: .*CAP_NET_ADMIN \(EPERM\)\. Run it as root/);
});

test("a reason for the call comes before the general one", () => {
  const error = failed("EBUSY", "x", { EBUSY: { code: "port-taken", because: "because", next: "Next." } });
  expect([error.code, error.message]).toEqual(["port-taken", "Could not x: because (EBUSY). Next."]);
});

test("names of errno: the ones of the manual pages, numbers for unknown ones", () => {
  expect([11, 95, 90, 98, 4095].map(errnoName)).toEqual(["EAGAIN", "EOPNOTSUPP", "EMSGSIZE", "EADDRINUSE", "E4095"]);
});

test("an errno without a meaning of its own still says what was tried", () => {
  expect(failed("EXDEV", "do it").message).toBe("Could not do it: the kernel refused (EXDEV).");
});
