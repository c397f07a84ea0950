/** A configuration with the console's signature, as an agent keeps it and builds the next one on it. */
import { createPublicKey, verify } from "node:crypto";
import { type Parts, partHash, rootHash } from "../protocol/parts.ts";
import { patched } from "../protocol/patch.ts";
import { type Proof, provenText, type Statement } from "../protocol/statement.ts";
import type { ConfigFrame } from "../protocol/stream.ts";
import { freeze } from "../router/config/config.ts";
import { partFault } from "./check.ts";
import type { Identity } from "./identity.ts";

export interface Signed {
  readonly parts: Parts;
  /** partHash by key. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly statement: Statement;
  readonly proof: Proof;
}

/** Root of no parts at all. */
export const EMPTY_ROOT = rootHash(new Map());

/** Why a configuration is not taken. */
export class Untrusted extends Error {
  override readonly name = "Untrusted";
  readonly code: "config-signature" | "config-root" | "config-older" | "config-base" | "config-part";

  constructor(code: Untrusted["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * What a frame makes of the configuration that runs.
 *
 * @throws Untrusted: not signed by the console for this device, older than `seen`, or not what was signed.
 */
export function next(frame: ConfigFrame, running: Signed | undefined, identity: Identity, seen: number): Signed {
  const { statement, proof } = frame;
  demandSignature(statement, proof, identity);
  if (statement.version < seen) {
    throw new Untrusted(
      "config-older",
      `Configuration ${statement.version} is older than ${seen}, which this device has had. If the console was restored from a backup, run vcpe leave and then vcpe join.`,
    );
  }
  if (frame.base !== 0 && frame.base !== running?.statement.version) {
    throw new Untrusted("config-base", `The change starts from configuration ${frame.base}, which does not run here.`);
  }
  const parts = new Map(frame.base === 0 ? [] : running?.parts);
  const hashes = new Map(frame.base === 0 ? [] : running?.hashes);
  for (const key of frame.remove) {
    parts.delete(key);
    hashes.delete(key);
  }
  for (const [key, part] of Object.entries(frame.put)) {
    parts.set(key, freeze(part));
    hashes.set(key, partHash(part));
  }
  const patches = Object.entries(frame.patch ?? {});
  for (const [key, patch] of patches) {
    const part = patched(parts.get(key), patch);
    if (!part) throw new Untrusted("config-base", `The change of "${key}" is not one of what runs here.`);
    parts.set(key, freeze(part));
    hashes.set(key, partHash(part));
  }
  demandRoot(hashes, statement);
  for (const key of [...Object.keys(frame.put), ...patches.map(([key]) => key)]) demandPart(key, parts.get(key));
  return { parts, hashes, statement, proof };
}

/** The same for what was kept on the disk. @throws Untrusted */
export function kept(parts: Parts, statement: Statement, proof: Proof, identity: Identity): Signed {
  demandSignature(statement, proof, identity);
  const hashes = new Map<string, string>();
  for (const [key, part] of parts) hashes.set(key, partHash(part));
  demandRoot(hashes, statement);
  for (const [key, part] of parts) demandPart(key, part);
  return { parts, hashes, statement, proof };
}

function demandSignature(statement: Statement, proof: Proof, { configKey, router }: Identity): void {
  const text = provenText(statement, proof);
  const signature = Buffer.from(proof.signature, "base64");
  const good = text !== undefined && verify(null, Buffer.from(text), createPublicKey(configKey), signature);
  if (!good) throw new Untrusted("config-signature", "The configuration is not signed by the console.");
  if (statement.router !== router) {
    throw new Untrusted("config-signature", `The configuration is for ${statement.router}, and this is ${router}.`);
  }
}

function demandRoot(hashes: ReadonlyMap<string, string>, statement: Statement): void {
  if (rootHash(hashes) !== statement.root) {
    throw new Untrusted("config-root", "The configuration is not the one that the console signed.");
  }
}

function demandPart(key: string, part: unknown): void {
  const fault = partFault(key, part);
  if (fault !== undefined) throw new Untrusted("config-part", `The configuration cannot be used: ${fault}.`);
}
