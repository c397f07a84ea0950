/**
 * The certificates that the console makes (RFC 5280). Two roots that have nothing to do with each other: the one of devices is Ed25519, as
 * RFC 8410 and RFC 8420 have it for IKE; the one of the console's own HTTPS certificate is ECDSA with P-256, which browsers know too.
 */
// @peculiar/x509 wants it loaded first.
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { ALGORITHMS, type KeyPair } from "./keypair.ts";

const DAY = 86_400_000;
const ROOT_LIFE = 3652 * DAY;
const DEVICE_LIFE = 30 * DAY;
export const SERVER_LIFE = 90 * DAY;

/** Clocks of devices that are a little slow. */
const BACKDATED = 3_600_000;

/** id-kp-clientAuth and id-kp-serverAuth, RFC 5280 §4.2.1.12. */
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
/** id-kp-ipsecIKE, RFC 4945 §5.1.3.12. */
const IPSEC_IKE = "1.3.6.1.5.5.7.3.17";

export interface Issuer {
  readonly key: KeyPair;
  readonly certificate: X509Certificate;
}

/** Valid for 10 years; issues end entities only (path length 0). `now`: milliseconds since the Unix epoch. */
export async function makeRoot(name: string, key: KeyPair, now: number): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${name}`,
    issuer: `CN=${name}`,
    ...validity(now, ROOT_LIFE),
    publicKey: key.publicKey,
    signingKey: key.privateKey,
    signingAlgorithm: ALGORITHMS[key.kind],
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(key.publicKey, false, webcrypto as Crypto),
    ],
  });
}

/** For IKE (RFC 4945 §5.1.3) and for TLS as a client; never as a server. 30 days. */
export async function issueDevice(
  issuer: Issuer,
  name: string,
  publicKey: PublicKey,
  now: number,
): Promise<X509Certificate> {
  return issue(issuer, name, publicKey, now, DEVICE_LIFE, [
    new ExtendedKeyUsageExtension([CLIENT_AUTH, IPSEC_IKE]),
    new SubjectAlternativeNameExtension([{ type: "dns", value: name }]),
  ]);
}

/** For the console's HTTPS. `names`: host names and addresses. 90 days. */
export async function issueServer(
  issuer: Issuer,
  names: readonly string[],
  publicKey: webcrypto.CryptoKey,
  now: number,
): Promise<X509Certificate> {
  return issue(issuer, "vcpe console", publicKey, now, SERVER_LIFE, [
    new ExtendedKeyUsageExtension([SERVER_AUTH]),
    new SubjectAlternativeNameExtension(
      names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
    ),
  ]);
}

async function issue(
  { key, certificate }: Issuer,
  name: string,
  publicKey: PublicKey | webcrypto.CryptoKey,
  now: number,
  life: number,
  purpose: (ExtendedKeyUsageExtension | SubjectAlternativeNameExtension)[],
): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${name}`,
    issuer: certificate.subject,
    ...validity(now, life),
    publicKey,
    signingKey: key.privateKey,
    signingAlgorithm: ALGORITHMS[key.kind],
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...purpose,
      await SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto as Crypto),
      await AuthorityKeyIdentifierExtension.create(key.publicKey, false, webcrypto as Crypto),
    ],
  });
}

function validity(now: number, life: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - BACKDATED), notAfter: new Date(now + life) };
}

/** 16 random bytes, positive and never shorter (RFC 5280 §4.1.2.2), hexadecimal. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] & 0x3f) | 0x40;
  return bytes.toString("hex");
}
