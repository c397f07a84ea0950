/** A configuration file → RouterConfig and Secrets, or all that is wrong with it. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { compile } from "./compile.ts";
import type { RouterConfig, Secrets } from "./config.ts";
import { CREDENTIALS_KEY, readCredentials } from "./credentials.ts";
import { ConfigError, type Finding, type Path, type Problem } from "./problem.ts";
import { checkRules } from "./rules.ts";
import { RouterFile } from "./schema.ts";
import { readSecret, type SecretDoors, secretVersion } from "./secret.ts";
import { readSource, type Source } from "./source.ts";
import { checkStructure } from "./structure.ts";

export interface ReadConfig {
  readonly config: RouterConfig;
  readonly secrets: Secrets;
  readonly warnings: readonly Problem[];
}

/** Largest file that is read, bytes; 10,000 tunnels fit. */
const LARGEST = 16 * 1024 * 1024;

/** @throws ConfigError with every problem that was found. */
export function readConfig(file: string): ReadConfig {
  const unreadable = (message: string): ConfigError =>
    new ConfigError(file, [
      {
        severity: "error",
        code: "unreadable",
        path: [],
        line: 0,
        column: 0,
        message,
        next: "Check the path and its permissions",
      },
    ]);
  let text: string;
  let exposed: boolean;
  try {
    const { size, mode } = statSync(file);
    if (size > LARGEST) throw unreadable(`it has ${size} bytes, more than ${LARGEST}`);
    exposed = (mode & 0o007) !== 0;
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw unreadable(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return parseConfig(text, file, { folder: dirname(resolve(file)), environment: process.env }, exposed);
}

/**
 * The same for text in hand. `exposed`: others may read the file, so a secret written in it deserves a warning. `now`:
 * certificates are judged by, milliseconds since the Unix epoch.
 *
 * @throws ConfigError with every problem that was found.
 */
export function parseConfig(
  text: string,
  file: string,
  doors: SecretDoors,
  exposed = false,
  now = Date.now(),
): ReadConfig {
  const source = readSource(text);
  if (source.problems.length > 0) throw new ConfigError(file, source.problems);

  const structure = checkStructure(RouterFile, source.value ?? {});
  if (structure.length > 0) throw new ConfigError(file, place(structure, source));
  const value = source.value as RouterFile;

  const findings = checkRules(value);
  const secrets = new Map<string, Uint8Array>();
  for (const [i, tunnel] of (value.tunnels ?? []).entries()) {
    const { psk } = tunnel.auth;
    if (!psk) continue;
    const path: Path = ["tunnels", i, "auth", "psk"];
    const read = readSecret(psk, path, doors);
    findings.push(...read.findings);
    if (read.secret) secrets.set(tunnel.name, read.secret);
    if (exposed && "value" in psk) findings.push(lying("the pre-shared key", path, file));
  }
  let credentials: RouterConfig["credentials"] = null;
  if (value.credentials) {
    const read = readCredentials(value.credentials, doors, now);
    findings.push(...read.findings);
    if (read.key) {
      secrets.set(CREDENTIALS_KEY, read.key);
      const { chain, trust } = read;
      credentials = { chain, trust, secret: CREDENTIALS_KEY, version: secretVersion(read.key) };
    }
    if (exposed && "value" in value.credentials.key) {
      findings.push(lying("the private key", ["credentials", "key"], file));
    }
  }

  const problems = place(findings, source);
  if (problems.some(({ severity }) => severity === "error")) throw new ConfigError(file, problems);
  return { config: compile(value, secrets, credentials), secrets, warnings: problems };
}

/** A secret that lies open. `path`: of what holds its value. */
function lying(secret: string, path: Path, file: string): Finding {
  return {
    severity: "warning",
    code: "secret-exposed",
    path: [...path, "value"],
    message: `every user of this host may read ${secret} in ${file}`,
    next: `Run: chmod 600 ${file}, or keep the key in a file of its own`,
  };
}

/** Adds line and column, and sorts by them. */
function place(findings: readonly Finding[], source: Source): Problem[] {
  return findings
    .map((finding) => ({ ...finding, ...source.locate(finding.path, finding.code === "unknown-key") }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}
