/** RouterConfig's credentials → what the IKE core wants to know of them. */
import { X509Certificate } from "node:crypto";
import type { CredentialsConfig } from "../ike/endpoint.ts";
import type { RouterConfig, Secrets } from "./config/config.ts";
import { RouterError } from "./error.ts";

/** @throws RouterError apply-failed: the private key is not there, or what should be a certificate is none. */
export function credentialsOf(
  { chain, trust, secret }: NonNullable<RouterConfig["credentials"]>,
  secrets: Secrets,
): CredentialsConfig {
  const key = secrets.get(secret);
  if (!key) throw new RouterError("apply-failed", "there is no private key for the certificate", "Give one");
  return { chain: chain.map(derOf), key, trust: trust.map(derOf) };
}

function derOf(pem: string): Uint8Array {
  try {
    return new Uint8Array(new X509Certificate(pem).raw);
  } catch {
    throw new RouterError("apply-failed", "a certificate in credentials is none", "Give it as PEM");
  }
}
