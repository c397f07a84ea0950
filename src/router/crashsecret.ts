/**
 * The secret by which a router proves to its peers, after a crash, that it lost its IKE SAs (RFC 6290 §5.1). Made once, from the system's
 * CSPRNG, and kept with mode 0600 where it outlives a restart of the host; never sent, never logged. It must not be copied to
 * another router: whoever has it can end the IKE SAs of this one (§9.1, §9.2).
 */
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { makePrivate, writeDurably } from "./durable.ts";
import { sentenceOf } from "./error.ts";
import type { Log } from "./log.ts";

const BYTES = 32;
const FILE = "crash.key";

/**
 * The secret in the folder of this router's own, which is made if need be (mode 0700); a new one where there is none, or where others
 * may have read it. The caller wipes it. Undefined, with a warning: it can be neither read nor written, and the router runs without.
 */
export function crashSecret(folder: string, log: Pick<Log, "warn">): Uint8Array | undefined {
  const path = join(folder, FILE);
  try {
    const kept = read(path);
    if (kept.secret !== undefined) return kept.secret;
    if (kept.fault !== undefined) log.warn(`${path} ${kept.fault}: it is made anew`);
    makePrivate(folder);
    const secret = Uint8Array.from(randomBytes(BYTES));
    writeDurably(path, `${Buffer.from(secret).toString("hex")}\n`);
    return secret;
  } catch (error) {
    const why = sentenceOf(error).replace(/\.$/, "");
    log.warn(
      `${path} cannot be kept (${why}): after a crash of this router its peers notice later; give it a folder that it can write to (--state)`,
    );
    return undefined;
  }
}

/** @throws Error of the file system, but for a file that is not there. */
function read(path: string): { readonly secret?: Uint8Array; readonly fault?: string } {
  let text: string;
  let mode: number;
  try {
    mode = statSync(path).mode;
    text = readFileSync(path, "latin1").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  if ((mode & 0o077) !== 0) return { fault: "may be read by others" };
  if (!/^[0-9a-f]{64}$/.test(text)) return { fault: "is damaged" };
  return { secret: Uint8Array.from(Buffer.from(text, "hex")) };
}
