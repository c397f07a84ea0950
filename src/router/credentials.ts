/** RouterConfig's credentials → what the IKE core wants to know of them. */
import type { CredentialsConfig } from "../ike/endpoint.ts";
import type { RouterConfig, Secrets } from "./config/config.ts";
import { RouterError } from "./error.ts";
import { certificatesIn } from "./pem.ts";

/** @throws RouterError apply-failed: the private key is not there. */
export function credentialsOf(
  { chain, trust, secret }: NonNullable<RouterConfig["credentials"]>,
  secrets: Secrets,
): CredentialsConfig {
  const key = secrets.get(secret);
  if (!key) throw new RouterError("apply-failed", "there is no private key for the certificate", "Give one");
  return { chain: chain.flatMap(certificatesIn), key, trust: trust.flatMap(certificatesIn) };
}

/** Wipes keys that nothing needs any more. */
export function forget(secrets: Secrets): void {
  for (const secret of secrets.values()) secret.fill(0);
}
