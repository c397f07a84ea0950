/** `vcpe doctor`: what this host lacks for a router, or for a quick one, and what to do about it. */
import type { RouterConfig } from "../router/config/config.ts";
import { ConfigError } from "../router/config/problem.ts";
import { readConfig } from "../router/config/read.ts";
import { type Check, failure, ok } from "../router/doctor/check.ts";
import { examine } from "../router/doctor/doctor.ts";
import { jsonText, shown } from "../router/shown.ts";
import { living } from "../router/status/client.ts";
import { EXIT } from "./exit.ts";

export interface DoctorFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/** Gives the exit code: failed when a check failed. */
export async function doctor({ config: file, json }: DoctorFlags): Promise<number> {
  const { config, checks: read } = readFile(file);
  const running = await living().catch(() => []);
  const checks = [...read, ...(await examine(config, running))];
  const count = (state: Check["state"]) => checks.filter((check) => check.state === state).length;
  const sums = { failures: count("failure"), warnings: count("warning") };
  if (json) process.stdout.write(`${jsonText({ ...sums, checks }, 2)}\n`);
  else
    process.stdout.write(
      `${lines(checks, file !== undefined)
        .map(shown)
        .join("\n")}\n`,
    );
  return sums.failures > 0 ? EXIT.failed : EXIT.ok;
}

/** The configuration, if there is a good one, and what is to be said of it. */
function readFile(file: string | undefined): { config?: RouterConfig; checks: Check[] } {
  if (file === undefined) return { checks: [] };
  const check = "configuration";
  try {
    const { config } = readConfig(file);
    return { config, checks: [ok(check, `${file} is good: router ${config.name}.`)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const errors = error.problems.filter(({ severity }) => severity === "error");
    const says = `${file} has ${errors.length} error${errors.length === 1 ? "" : "s"}, so nothing that it asks for was looked at.`;
    return { checks: [failure(check, says, `See them: vcpe check ${file}.`)] };
  }
}

/** One line a check, and below it what to do. */
export function lines(checks: readonly Check[], withFile: boolean): string[] {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const indent = " ".repeat(7 + 2 + width + 2);
  const told = checks.flatMap(({ check, state, says, next }) => [
    `${state.padEnd(7)}  ${check.padEnd(width)}  ${says}`,
    ...(next === "" ? [] : [`${indent}→ ${next}`]),
  ]);
  const count = (state: Check["state"], word: string) => {
    const number = checks.filter((check) => check.state === state).length;
    return `${number} ${word}${number === 1 ? "" : "s"}`;
  };
  return [
    ...told,
    "",
    `${checks.length} checks: ${count("failure", "failure")}, ${count("warning", "warning")}`,
    ...(withFile ? [] : ["ports and LAN interfaces are looked at with a configuration: vcpe doctor -c FILE"]),
  ];
}
