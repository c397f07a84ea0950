/** Who a device is, and whom it trusts. In one file, so that key and certificates always belong together. */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import Type, { type Static } from "typebox";
import { Check } from "typebox/value";
import { RootsNumber } from "../protocol/roots.ts";
import type { RouterConfig, Secrets } from "../router/config/config.ts";
import { AgentError } from "./error.ts";
import type { Folder } from "./folder.ts";
import { belongsTo } from "./request.ts";

const Pem = Type.String({ pattern: "^-----BEGIN " });

export const Identity = Type.Object({
  console: Type.String({ description: "URL as it was given to vcpe join." }),
  router: Type.String({ description: "Serial number." }),
  key: Type.String({ pattern: "^-----BEGIN PRIVATE KEY", description: "Ed25519, PKCS #8." }),
  chain: Type.Array(Pem, { minItems: 1, description: "The device's certificate, then its issuers." }),
  trust: Type.Array(Pem, { minItems: 1, description: "Roots for peers." }),
  server: Type.Union([Type.Array(Pem), Type.Null()], {
    description: "Roots for the console as of joining (see roots.ts); null: the system's.",
  }),
  rootsNumber: Type.Optional(RootsNumber),
  configKey: Type.String({ pattern: "^-----BEGIN PUBLIC KEY", description: "Verifies configurations." }),
});
export type Identity = Static<typeof Identity>;

/** @throws AgentError not-joined, agent-folder */
export function loadIdentity(folder: Folder): Identity {
  const text = folder.readIdentity();
  if (text === undefined) {
    throw new AgentError("not-joined", `there is no identity in ${folder.path}`, "Join first: vcpe join");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (Check(Identity, value) && isWhole(value)) return value;
  throw new AgentError(
    "agent-folder",
    `the identity in ${folder.path} is damaged`,
    "Join again, with the same serial number and key: vcpe join",
  );
}

/** Can all of it be used, and is the key that of the certificate? */
function isWhole({ key, chain, trust, server, configKey }: Identity): boolean {
  try {
    createPublicKey(configKey);
    for (const pem of [...chain, ...trust, ...(server ?? [])]) new X509Certificate(pem);
    return belongsTo(key, chain);
  } catch {
    return false;
  }
}

export function saveIdentity(folder: Folder, identity: Identity): void {
  folder.writeIdentity(`${JSON.stringify(identity, null, 2)}\n`);
}

/** Name of the private key in the router's Secrets. */
const SECRET = "identity";

/** What the router shows to its peers. */
export function credentialsOf({ chain, trust }: Identity): NonNullable<RouterConfig["credentials"]> {
  const version = new X509Certificate(chain[0]).fingerprint256.replaceAll(":", "").toLowerCase();
  return { chain, trust, secret: SECRET, version };
}

/** A copy for the router, which wipes it. */
export function secretsOf({ key }: Identity): Secrets {
  const der = createPrivateKey(key).export({ format: "der", type: "pkcs8" });
  const copy = Uint8Array.from(der);
  der.fill(0);
  return new Map([[SECRET, copy]]);
}

/** Milliseconds since the Unix epoch. */
export function certificateUntil({ chain }: Identity): number {
  return new X509Certificate(chain[0]).validToDate.getTime();
}

/** When two thirds of the certificate's life are over; milliseconds since the Unix epoch. */
export function renewAt({ chain }: Identity): number {
  const { validFromDate, validToDate } = new X509Certificate(chain[0]);
  const from = validFromDate.getTime();
  return from + ((validToDate.getTime() - from) * 2) / 3;
}
