/** A fresh identity key, and the certificate request that shows that we have it (PKCS #10, RFC 2986; Ed25519, RFC 8410). */
// @peculiar/x509 wants it loaded first.
import "reflect-metadata";
import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from "node:crypto";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";

export interface KeyRequest {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** PEM. */
  readonly csr: string;
}

const ED25519 = { name: "Ed25519" };

export async function makeRequest(serial: string): Promise<KeyRequest> {
  const keys = (await webcrypto.subtle.generateKey(ED25519, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
  der.fill(0);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${serial}`,
    keys,
    signingAlgorithm: ED25519,
  });
  return { key: key as string, csr: request.toString("pem") };
}

/** Is the first certificate of the chain for this key? */
export function belongsTo(key: string, chain: readonly string[]): boolean {
  try {
    const mine = createPublicKey(key).export({ format: "der", type: "spki" });
    return mine.equals(new X509Certificate(chain[0]).publicKey.export({ format: "der", type: "spki" }));
  } catch {
    return false;
  }
}
