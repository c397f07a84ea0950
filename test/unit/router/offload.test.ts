import { expect, test } from "vitest";
import { ConfigError } from "../../../src/router/config/problem.ts";
import { BRANCH, parse } from "./configuration.ts";

const ON = { tso: true, uso: true, gso: true, gro: true, coalesce: true };
const OFF = { tso: false, uso: false, gso: false, gro: false, coalesce: false };
const offload = (text: string) => parse(`${BRANCH}${text}\n`).config.offload;

test("offload: all unless switched off, together or each", () => {
  expect(offload("")).toEqual(ON);
  expect(offload("offload: off")).toEqual(OFF);
  expect(offload("offload: { coalesce: off, tso: auto }")).toEqual({ ...ON, coalesce: false });
  expect(offload("offload: { tso: off, uso: off, gso: off, gro: off, coalesce: off }")).toEqual(OFF);
});

test("offload: nothing else", () => {
  for (const text of ["offload: on", "offload: { tso: yes }", "offload: { lro: off }", "offload: [tso]"]) {
    expect(() => offload(text), text).toThrow(ConfigError);
  }
});
