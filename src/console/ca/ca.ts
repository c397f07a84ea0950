/**
 * The console's authority: who vouches for devices, for the console's own HTTPS, and for configurations; each with a key of its own.
 *
 *   device-root.key  device-root.pem   issues certificates of devices          Ed25519, 10 years
 *   https-root.key   https-root.pem    issues the console's HTTPS certificate  ECDSA P-256, 10 years
 *   https.key        https.pem         that certificate and its root           ECDSA P-256, 90 days, made anew after 60
 *   config.key                         signs configurations                    Ed25519
 */
// @peculiar/x509 wants it loaded first.
import "reflect-metadata";
import { createPublicKey, type KeyObject, sign as signWith } from "node:crypto";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { promisify } from "node:util";
import { X509Certificate } from "@peculiar/x509";
import { requestedKey } from "./csr.ts";
import { AuthorityError } from "./error.ts";
import { type Folder, openFolder } from "./folder.ts";
import { type Issuer, issueDevice, issueServer, makeRoot, SERVER_LIFE } from "./issue.ts";
import { type KeyKind, type KeyPair, keptKey, makeKey } from "./keypair.ts";

const signOnThread = promisify<null, Buffer, KeyObject, Buffer>(signWith);

export interface Authority {
  /** PEM; what clients of the console's HTTPS trust. */
  readonly root: string;
  /** SHA-256 of `root`, upper-case hexadecimal with colons: what `vcpe join --ca` takes. */
  readonly fingerprint: string;
  /** PEM; what devices trust in each other, and the console in them. */
  readonly deviceRoot: string;
  /** Certificate for a device's request: its chain, PEM, without the root. @throws AuthorityError csr */
  issueDevice(csr: string, name: string): Promise<{ chain: string[] }>;
  /** The console's HTTPS certificate for these names and addresses: the kept one while it fits and a third of its life is left. */
  serverCertificate(names: readonly string[]): Promise<{ key: string; cert: string }>;
  /** Ed25519 public key (SPKI, PEM) that verifies what `signSoon` makes. */
  readonly configKey: string;
  /** Ed25519 (RFC 8032) over the UTF-8 of the text, 64 bytes. On another thread: of ten thousand the first is out while the next are made. */
  signSoon(text: string): Promise<Buffer>;
}

/** @throws AuthorityError ca-folder, ca-mismatch: nothing was changed. `now`: milliseconds since the Unix epoch. */
export async function openAuthority(path: string, options: { readonly now?: () => number } = {}): Promise<Authority> {
  const now = options.now ?? Date.now;
  const folder = openFolder(path);
  const devices = await keptIssuer(folder, "device-root", "Ed25519", "vcpe devices", now());
  const https = await keptIssuer(folder, "https-root", "P-256", "vcpe console", now());
  const config = await keyOrFault(folder, "config.key", "Ed25519");
  const root = pemOf(https.certificate);
  const deviceRoot = pemOf(devices.certificate);
  return {
    root,
    deviceRoot,
    fingerprint: await fingerprintOf(https.certificate),
    async issueDevice(csr, name) {
      const key = await requestedKey(csr);
      return { chain: [pemOf(await issueDevice(devices, name, key, now()))] };
    },
    async serverCertificate(names) {
      const wanted = [...new Set(names.map(canonicalName))].sort();
      const kept = await keptServer(folder, https, wanted, now());
      if (kept) return kept;
      const key = await makeKey("P-256");
      const cert = `${pemOf(await issueServer(https, wanted, key.publicKey, now()))}${root}`;
      // A key without its certificate is made anew; a certificate without its key must not be.
      folder.write("https.key", key.pem);
      folder.write("https.pem", cert);
      return { key: key.pem, cert };
    },
    configKey: createPublicKey(config.object).export({ format: "pem", type: "spki" }) as string,
    signSoon: (text) => signOnThread(null, Buffer.from(text), config.object),
  };
}

/** Key first, then the certificate: a start that was killed between the two is made good by the next. */
async function keptIssuer(folder: Folder, name: string, kind: KeyKind, subject: string, now: number): Promise<Issuer> {
  const pem = folder.read(`${name}.pem`);
  if (pem !== undefined && folder.read(`${name}.key`) === undefined) {
    throw mismatch(`${name}.pem is there, but its key ${name}.key is not`);
  }
  const key = await keyOrFault(folder, `${name}.key`, kind);
  if (pem === undefined) {
    const certificate = await makeRoot(subject, key, now);
    folder.write(`${name}.pem`, pemOf(certificate));
    return { key, certificate };
  }
  const certificate = certificateIn(pem);
  if (!certificate) throw mismatch(`${name}.pem holds no certificate`);
  if (!(await belongs(certificate, key))) throw mismatch(`${name}.pem and ${name}.key do not belong together`);
  if (certificate.notAfter.getTime() < now) throw mismatch(`${name}.pem has expired`);
  return { key, certificate };
}

async function keptServer(
  folder: Folder,
  { certificate: root }: Issuer,
  names: readonly string[],
  now: number,
): Promise<{ key: string; cert: string } | undefined> {
  const cert = folder.read("https.pem");
  const key = folder.read("https.key");
  const leaf = cert === undefined ? undefined : certificateIn(cert);
  if (cert === undefined || key === undefined || !leaf) return undefined;
  if (leaf.notAfter.getTime() - now < SERVER_LIFE / 3 || leaf.notBefore.getTime() > now) return undefined;
  const san = leaf.getExtension("2.5.29.17") as { names?: { items: readonly { value: string }[] } } | null;
  const has = (san?.names?.items ?? []).map(({ value }) => canonicalName(value)).sort();
  if (has.join(" ") !== names.join(" ") || !(await leaf.verify({ publicKey: root.publicKey, signatureOnly: true })))
    return undefined;
  const fits = createPublicKey(key).export({ format: "der", type: "spki" });
  return Buffer.compare(fits, Buffer.from(leaf.publicKey.rawData)) === 0 ? { key, cert } : undefined;
}

async function keyOrFault(folder: Folder, file: string, kind: KeyKind): Promise<KeyPair> {
  try {
    return await keptKey(folder, file, kind);
  } catch (error) {
    throw error instanceof AuthorityError ? error : mismatch(`${file} holds no ${kind} key`);
  }
}

async function belongs(certificate: X509Certificate, key: KeyPair): Promise<boolean> {
  const spki = createPublicKey(key.object).export({ format: "der", type: "spki" });
  const same = Buffer.compare(spki, Buffer.from(certificate.publicKey.rawData)) === 0;
  return same && (await certificate.verify({ signatureOnly: true }));
}

function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

async function fingerprintOf(certificate: X509Certificate): Promise<string> {
  const hex = Buffer.from(await certificate.getThumbprint("SHA-256")).toString("hex");
  return hex.toUpperCase().match(/../g)?.join(":") as string;
}

const pemOf = (certificate: X509Certificate) => `${certificate.toString("pem").trim()}\n`;

/** One text for each name and each address, so that they can be compared. */
function canonicalName(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : domainToASCII(name) || name;
}

function mismatch(what: string): AuthorityError {
  return new AuthorityError(
    "ca-mismatch",
    `The console's keys cannot be used: ${what}`,
    "Put the folder back from a backup; a fresh one means to enrol every device again",
  );
}
