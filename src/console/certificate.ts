/** Names that the console's certificate is for, and a certificate that was brought along. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { createSecureContext, getCACertificates } from "node:tls";
import { certificatesIn, pemOf } from "../router/pem.ts";
import { StartError } from "./start.ts";

export interface GivenCertificate {
  /** PEM. */
  readonly key: string;
  /** PEM: the console's, then its issuers. */
  readonly cert: string;
}

/** @throws StartError certificate */
export function readCertificate(certificateFile: string, keyFile: string): GivenCertificate {
  const read = (file: string): string => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      throw unusable(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, "Check the path", error);
    }
  };
  const [cert, key] = [read(certificateFile), read(keyFile)];
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw unusable(
      `${certificateFile} or ${keyFile} is no PEM of its kind`,
      "Give a certificate chain and its key",
      error,
    );
  }
  if (!fits) throw unusable(`${keyFile} is not the key of ${certificateFile}`, "Give the key that belongs to it");
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const why = (error as { reason?: unknown }).reason ?? "it does not say why";
    throw unusable(`TLS does not take ${certificateFile} (${why})`, "Give one of a newer kind", error);
  }
  return { key, cert };
}

/** Root that devices trust the console by, PEM: the chain's own, when it holds one; null: one that systems trust. */
export function rootsOf({ cert }: GivenCertificate): readonly string[] | null {
  const last = certificatesIn(cert).at(-1);
  if (last === undefined) return null;
  const certificate = new X509Certificate(last);
  return certificate.checkIssued(certificate) ? [pemOf(last)] : null;
}

/** Is its chain one of a CA that systems know, as far as this one's list tells? */
export function knownToSystems({ cert }: GivenCertificate): boolean {
  const last = certificatesIn(cert).at(-1);
  if (last === undefined) return false;
  const certificate = new X509Certificate(last);
  return getCACertificates().some((pem) => {
    const root = new X509Certificate(pem);
    return certificate.checkIssued(root) && certificate.verify(root.publicKey);
  });
}

/** Those that were asked for; and what this machine is called and reached at, as far as the console listens there. */
export function namesOf(asked: readonly string[], host: string): string[] {
  const names = new Set([...asked, "localhost"]);
  if (host === "0.0.0.0" || host === "::") {
    names.add(hostname().toLowerCase());
    for (const { address, family } of Object.values(networkInterfaces()).flatMap((one) => one ?? [])) {
      // Link-local addresses mean nothing without their link.
      if ((family === "IPv4" || host === "::") && !address.startsWith("fe80:")) names.add(address);
    }
  } else names.add(host);
  return [...names].filter((name) => isIP(name) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name));
}

function unusable(message: string, next: string, cause?: unknown): StartError {
  return new StartError("certificate", message, next, cause);
}
