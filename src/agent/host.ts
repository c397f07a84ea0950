/** What tells this host from others, for the console to see that a serial number is not used twice. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Transcript } from "../protocol/enrol.ts";
import { makePrivate, writeDurably } from "../router/durable.ts";
import { version } from "../router/version.ts";
import { AGENT_FOLDER } from "./folder.ts";

/** See machine-id(5): the id itself must not leave the host. */
const MACHINE_ID = "/etc/machine-id";

/** A host without a machine id (a container) gets one of ours, in `root`. */
export function thisHost(root = AGENT_FOLDER, machineId = MACHINE_ID): Transcript["host"] {
  const id = readId(machineId) ?? ownId(root);
  return {
    fingerprint: createHash("sha256").update(`vcpe host 1\0${id}`).digest("hex"),
    name: hostname(),
    software: version(),
  };
}

function ownId(root: string): string {
  const file = join(root, "host-id");
  const kept = readId(file);
  if (kept !== undefined) return kept;
  const fresh = randomBytes(16).toString("hex");
  makePrivate(root);
  writeDurably(file, `${fresh}\n`);
  return fresh;
}

function readId(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    return /^[0-9a-f]{32}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
