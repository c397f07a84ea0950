/** `vcpe check`: is a configuration file good? Starts nothing. */
import { formatProblem } from "../router/config/problem.ts";
import { readConfig } from "../router/config/read.ts";
import { reference } from "../router/config/reference.ts";
import { RouterFile } from "../router/config/schema.ts";
import { jsonText } from "../router/shown.ts";

export function check(file: string, flags: { readonly json?: boolean }): void {
  const { config, warnings } = readConfig(file);
  for (const warning of warnings) process.stderr.write(`${formatProblem(file, warning)}\n`);
  if (flags.json) process.stdout.write(`${jsonText(config, 2)}\n`);
  else {
    const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
    process.stdout.write(
      `${file} is good: router ${config.name}, ${count(config.vrfs.length, "VRF")}, ${count(config.tunnels.length, "tunnel")}\n`,
    );
  }
}

/** The JSON Schema of the configuration file, for editors. */
export function printSchema(): void {
  process.stdout.write(
    `${JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", ...RouterFile }, null, 2)}\n`,
  );
}

/** The reference of all keys, in Markdown; the end of docs/configuration.md. */
export function printReference(): void {
  process.stdout.write(reference(RouterFile));
}
