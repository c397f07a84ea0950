/** Finds the secrets that a configuration file points at: pre-shared keys, and the text of a private key. None ever gets into a message. */
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { SecretFile } from "./field.ts";
import type { Finding, Path } from "./problem.ts";

/** Where secrets come from; the tests bring their own. */
export interface SecretDoors {
  /** Folder of the configuration file: relative paths start here. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Shortest pre-shared key that is taken without a warning: 128 bits as hexadecimal or better, or a long passphrase. */
const SHORT = 16;

/** Longest; a whole file read by mistake is no key. */
const LONG = 4096;

/** Known to this process only, so that a version gives nothing to guess against. */
const salt = randomBytes(32);

/** Changes when the secret does; the same secret gives the same version in one process only. */
export function secretVersion(secret: Uint8Array): string {
  return createHmac("sha256", salt).update(secret).digest("hex").slice(0, 16);
}

type Say = (severity: Finding["severity"], code: string, at: Path, message: string, next: string) => void;

/** Collects findings. */
function speaker(findings: Finding[]): Say {
  return (severity, code, path, message, next) => findings.push({ severity, code, path, message, next });
}

/** A path of the configuration file as the process may open it. */
export function placed(file: string, { folder }: SecretDoors): string {
  return isAbsolute(file) ? file : join(folder, file);
}

/** The text of a secret, without the line end at its end. `path`: of the key that says where it is. */
export function readSecretText(
  source: SecretFile,
  path: Path,
  doors: SecretDoors,
): { text?: string; findings: Finding[] } {
  const findings: Finding[] = [];
  const say = speaker(findings);
  let text: string | undefined;
  if ("file" in source) {
    const file = placed(source.file, doors);
    try {
      text = readFileSync(file, "utf8").replace(/\r?\n$/, "");
      if ((statSync(file).mode & 0o007) !== 0) {
        say(
          "warning",
          "secret-exposed",
          [...path, "file"],
          `every user of this host may read ${file}`,
          `Run: chmod 600 ${file}`,
        );
      }
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
      say(
        "error",
        "secret-unreadable",
        [...path, "file"],
        `cannot read ${file} (${reason})`,
        "Check the path and its permissions",
      );
    }
  } else if ("env" in source) {
    text = doors.environment[source.env];
    if (text === undefined) {
      say(
        "error",
        "secret-unreadable",
        [...path, "env"],
        `the environment variable ${source.env} is not set`,
        `Set ${source.env} before the router starts`,
      );
    }
  } else {
    text = source.value;
  }
  return text === undefined ? { findings } : { text, findings };
}

/** The pre-shared key, when there is one, and what is wrong or doubtful about it. `path`: of auth.psk. */
export function readSecret(
  source: SecretFile,
  path: Path,
  doors: SecretDoors,
): { secret?: Uint8Array; findings: Finding[] } {
  const { text, findings } = readSecretText(source, path, doors);
  const say = speaker(findings);
  if (text === undefined) return { findings };

  const bytes = decode(text);
  if (typeof bytes === "string") {
    say(
      "error",
      "secret-invalid",
      path,
      bytes,
      "Write 0x and an even number of hex digits, or a text that does not begin with 0x",
    );
    return { findings };
  }
  if (bytes.length === 0 || bytes.length > LONG) {
    say(
      "error",
      "secret-invalid",
      path,
      `the pre-shared key has ${bytes.length} bytes`,
      `Use 1–${LONG} bytes; 32 random ones are best`,
    );
    return { findings };
  }
  if (bytes.length < SHORT) {
    say(
      "warning",
      "secret-short",
      path,
      `the pre-shared key has only ${bytes.length} bytes`,
      "Make one with: openssl rand -hex 32",
    );
  }
  return { secret: bytes, findings };
}

function decode(text: string): Uint8Array | string {
  if (!/^0x/i.test(text)) return new TextEncoder().encode(text);
  if (!/^0x([0-9a-f]{2})+$/i.test(text)) return "the pre-shared key begins with 0x but is not hexadecimal";
  return Uint8Array.from(Buffer.from(text.slice(2), "hex"));
}
