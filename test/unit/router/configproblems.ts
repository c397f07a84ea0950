/** What is said of a configuration, and files that differ from BRANCH in one thing. */
import { expect } from "vitest";
import { ConfigError, formatPath, formatProblem } from "../../../src/router/config/problem.ts";
import { BRANCH, parse } from "./configuration.ts";

/** What is said of a text: "line:column code path" of each problem, errors and warnings. */
export function problems(text: string, environment?: Record<string, string>): string[] {
  try {
    return parse(text, environment).warnings.map(show);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems.map(show);
  }
}

export function show(problem: ConfigError["problems"][number]): string {
  return `${problem.line}:${problem.column} ${problem.severity} ${problem.code} ${formatPath(problem.path)}`;
}

export function messages(text: string): string {
  try {
    return parse(text)
      .warnings.map((warning) => formatProblem("test.yaml", warning))
      .join("\n");
  } catch (error) {
    return (error as Error).message;
  }
}

/** BRANCH with one text in place of another, which must be there. */
export function changed(from: string, to: string): string {
  expect(BRANCH).toContain(from);
  return BRANCH.replace(from, to);
}

/** A second tunnel beside the one of BRANCH. */
export const second = (fields = "") => `  - name: second
    vrf: main
    peer: { id: second.vcpe.test }
    local: { id: branch-a.vcpe.test }
    auth: { psk: { env: PSK } }
${fields}`;

export const withSecond = (fields = "", id = "second.vcpe.test") =>
  BRANCH.replace("routes:\n  - {", `${second(fields).replace("second.vcpe.test", id)}routes:\n  - {`);
