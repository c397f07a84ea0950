/** Finds our certificate, its private key and the trusted authorities that a configuration file points at, and holds them against each other. */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  type Certificate,
  CertificateError,
  Credentials,
  readCertificate,
  Trust,
  timeText,
} from "../../ike/certificate/index.ts";
import { SuiteError } from "../../ike/suite/index.ts";
import { certificatesIn, pemOf } from "../pem.ts";
import type { Finding, Path } from "./problem.ts";
import type { CredentialsFile } from "./schema.ts";
import { placed, readSecretText, type SecretDoors } from "./secret.ts";

/** Name of the private key in the Secrets. No tunnel can have this name: names hold no space. */
export const CREDENTIALS_KEY = "credentials key";

/** A certificate that ends sooner than this deserves a warning. */
const SOON = 7 * 86_400_000;

/** Longest file that is read; a whole bundle of a browser's authorities is no list of whom we trust. Bytes. */
const LONGEST = 1024 * 1024;

export interface ReadCredentials {
  /** PEM, as RouterConfig has them. */
  readonly chain: string[];
  readonly trust: string[];
  /** PKCS #8, DER; only when all is good. */
  readonly key?: Uint8Array;
  readonly findings: Finding[];
}

/** `now`: milliseconds since the Unix epoch. */
export function readCredentials(file: CredentialsFile, doors: SecretDoors, now: number): ReadCredentials {
  const at: Path = ["credentials"];
  const findings: Finding[] = [];
  const chain = certificates(file.certificate, [...at, "certificate"], doors, findings);
  const trusted = file.trust.map((name, i) => ({
    path: [...at, "trust", i],
    found: certificates(name, [...at, "trust", i], doors, findings),
  }));
  const read = readSecretText(file.key, [...at, "key"], doors);
  findings.push(...read.findings);
  const key = read.text === undefined ? undefined : privateKey(read.text, [...at, "key"], findings);

  for (const one of chain) age(one, "error", [...at, "certificate"], now, findings);
  for (const { path, found } of trusted) {
    refusing("trust", path, findings, () => found.length > 0 && new Trust(found.map(({ der }) => der)));
    // Of several authorities an old one may stay until nobody needs it.
    for (const authority of found) age(authority, "warning", path, now, findings);
  }
  const trust = trusted.flatMap(({ found }) => found);
  if (key && !findings.some(({ severity }) => severity === "error")) {
    const ders = (list: readonly Certificate[]) => list.map(({ der }) => der);
    refusing("credentials", at, findings, () =>
      new Credentials({ chain: ders(chain), key, trust: ders(trust) }).wipe(),
    );
  }
  const good = !findings.some(({ severity }) => severity === "error");
  if (!good) key?.fill(0);
  return {
    chain: chain.map(({ der }) => pemOf(der)),
    trust: trust.map(({ der }) => pemOf(der)),
    ...(good && key ? { key } : {}),
    findings,
  };
}

/** What a PEM file holds; findings where it holds nothing good. */
function certificates(name: string, path: Path, doors: SecretDoors, findings: Finding[]): Certificate[] {
  const file = placed(name, doors);
  const say = (code: string, message: string, next: string) =>
    findings.push({ severity: "error", code, path, message, next });
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
    say("certificate-unreadable", `cannot read ${file} (${reason})`, "Check the path and its permissions");
    return [];
  }
  if (text.length > LONGEST) {
    say(
      "certificate-invalid",
      `${file} has more than ${LONGEST} bytes`,
      "Give a file with the few certificates that count",
    );
    return [];
  }
  const ders = certificatesIn(text);
  if (ders.length === 0) {
    say("certificate-invalid", `there is no certificate in ${file}`, "Give it as PEM, -----BEGIN CERTIFICATE-----");
  }
  let read: Certificate[] = [];
  refusing("certificate", path, findings, () => {
    read = ders.map(readCertificate);
  });
  return read;
}

/** PKCS #8 of a PEM text. */
function privateKey(text: string, path: Path, findings: Finding[]): Uint8Array | undefined {
  try {
    return createPrivateKey({ key: text, format: "pem" }).export({ format: "der", type: "pkcs8" });
  } catch {
    findings.push({
      severity: "error",
      code: "key-invalid",
      path,
      message: "this is no private key that can be read",
      next: "Give it as PEM, without a passphrase: openssl pkcs8 -topk8 -nocrypt",
    });
    return undefined;
  }
}

/** Runs `check`; what it refuses becomes a finding. */
function refusing(what: string, path: Path, findings: Finding[], check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof CertificateError || error instanceof SuiteError)) throw error;
    findings.push({
      severity: "error",
      code: `${what}-invalid`,
      path,
      message: error.message,
      next: ADVICE[error.code] ?? "Correct the file",
    });
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  malformed: "Look at it with: openssl x509 -text",
  "not-authority": "Give the certificate of the authority that issued it",
  "wrong-key": "Give the two that were made together",
  limit: "Leave out what is not needed",
  "invalid-private-key": "Make one with: openssl genpkey -algorithm ed25519",
};

/** Expired (as bad as `expired` says): nobody will believe it. About to: somebody should know. */
function age(
  { subject, notBefore, notAfter }: Certificate,
  expired: Finding["severity"],
  path: Path,
  now: number,
  findings: Finding[],
): void {
  const say = (severity: Finding["severity"], code: string, message: string, next: string) =>
    findings.push({ severity, code, path, message: `the certificate ${subject} ${message}`, next });
  if (!(now <= notAfter)) {
    say(expired, "certificate-expired", `has expired at ${timeText(notAfter)}`, "Renew it");
  } else if (!(now >= notBefore)) {
    say("warning", "certificate-early", `is not valid before ${timeText(notBefore)}`, "Check the clock of this host");
  } else if (now > notAfter - SOON) {
    say("warning", "certificate-expires", `expires at ${timeText(notAfter)}`, "Renew it soon");
  }
}
