/**
 * What we read in an X.509 certificate (RFC 5280 §4). @peculiar/x509 parses it, once; the signature is verified by the OpenSSL in
 * Node.js, synchronously. A certificate is anybody's word until path.ts has found who vouches for it.
 */
import { X509Certificate as OpenSslCertificate } from "node:crypto";
import { keyKind, type VerifyKey } from "../suite/index.ts";
import { CertificateError } from "./error.ts";
import { x509 } from "./x509.ts";

/** Longest certificate that is looked at, bytes of DER. */
export const MAX_CERTIFICATE = 8_192;
/** Names that a certificate may bear. */
const MAX_NAMES = 256;

/** Bits of key usage that are looked at (RFC 5280 §4.2.1.3), as @peculiar/x509 numbers them. */
export const DIGITAL_SIGNATURE = 1;
export const KEY_CERT_SIGN = 32;

export interface Certificate {
  readonly der: Uint8Array;
  /** For logs: printable, cut when long. */
  readonly subject: string;
  readonly issuer: string;
  /** DER of the two names, as latin1 text: same bytes, same name (RFC 5280 §4.1.2.6). */
  readonly subjectName: string;
  readonly issuerName: string;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** undefined: of a kind or size that we do not use. */
  readonly key: VerifyKey | undefined;
  /** Valid from and until, inclusive; milliseconds since the Unix epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Basic constraints say that it is a certification authority; how many may stand between it and the end entity. */
  readonly authority: { readonly pathLength: number } | undefined;
  /** Key usage bits; undefined: no restriction. */
  readonly usage: number | undefined;
  /** Object identifiers of extended key usage; undefined: no restriction. */
  readonly purposes: readonly string[] | undefined;
  /** Every dNSName of the subject alternative name, in lower case. */
  readonly dnsNames: readonly string[];
  /** Critical extensions that we do not understand: it must be refused (RFC 5280 §4.2). */
  readonly unknownCritical: readonly string[];
  /** Name of a signature algorithm that is too weak or not known; undefined: it is a good one. */
  readonly weak: string | undefined;
  /** Is its signature by this key? */
  signedBy(key: VerifyKey): boolean;
}

/** Extensions that are looked at: basic constraints, key usage, subject alternative name, extended key usage. */
const UNDERSTOOD = new Set(["2.5.29.19", "2.5.29.15", "2.5.29.17", "2.5.29.37"]);
const ALGORITHMS = new Set(["ECDSA", "RSASSA-PKCS1-v1_5", "RSA-PSS", "Ed25519"]);
const DIGESTS = new Set(["SHA-256", "SHA-384", "SHA-512"]);

/** Reads one DER certificate. Throws CertificateError "malformed", "limit". */
export function readCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length > MAX_CERTIFICATE) {
    throw new CertificateError("limit", `A certificate of ${bytes.length} bytes; the limit is ${MAX_CERTIFICATE}`);
  }
  const der = new Uint8Array(bytes);
  try {
    return read(der);
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    throw new CertificateError("malformed", "What should be a certificate is none");
  }
}

function read(der: Uint8Array): Certificate {
  const openssl = new OpenSslCertificate(der);
  // Nothing behind it, and no other encoding than DER: both parsers have seen the same.
  if (Buffer.compare(openssl.raw, der) !== 0) throw new CertificateError("malformed", "A certificate that is not DER");
  const {
    BasicConstraintsExtension,
    ExtendedKeyUsageExtension,
    KeyUsagesExtension,
    SubjectAlternativeNameExtension,
    X509Certificate,
  } = x509();
  const parsed = new X509Certificate(der);
  const types = parsed.extensions.map(({ type }) => type);
  if (new Set(types).size !== types.length) {
    throw new CertificateError("malformed", "A certificate that has an extension twice (RFC 5280 §4.2)");
  }
  const basic = parsed.getExtension(BasicConstraintsExtension);
  const alternative = parsed.getExtension(SubjectAlternativeNameExtension);
  const dnsNames = (alternative?.names.items ?? []).filter(({ type }) => type === "dns");
  if (dnsNames.length > MAX_NAMES) throw new CertificateError("limit", `A certificate of more than ${MAX_NAMES} names`);
  const kind = keyKind(openssl.publicKey);
  const { name, hash } = parsed.signatureAlgorithm as {
    readonly name: string;
    readonly hash?: { readonly name: string };
  };
  const weak = !ALGORITHMS.has(name) || (name !== "Ed25519" && !DIGESTS.has(hash?.name ?? ""));
  return {
    der,
    subject: shown(parsed.subject),
    issuer: shown(parsed.issuer),
    subjectName: Buffer.from(parsed.subjectName.toArrayBuffer()).toString("latin1"),
    issuerName: Buffer.from(parsed.issuerName.toArrayBuffer()).toString("latin1"),
    spki: new Uint8Array(parsed.publicKey.rawData),
    key: kind && { kind, key: openssl.publicKey },
    notBefore: parsed.notBefore.getTime(),
    notAfter: parsed.notAfter.getTime(),
    authority: basic?.ca === true ? { pathLength: basic.pathLength ?? Number.POSITIVE_INFINITY } : undefined,
    usage: parsed.getExtension(KeyUsagesExtension)?.usages,
    purposes: parsed.getExtension(ExtendedKeyUsageExtension)?.usages.map(String),
    dnsNames: dnsNames.map(({ value }) => value.toLowerCase()),
    unknownCritical: parsed.extensions
      .filter(({ critical, type }) => critical && !UNDERSTOOD.has(type))
      .map(({ type }) => type),
    weak: weak ? shown([name, hash?.name].filter(Boolean).join(" with ") || "an unknown algorithm") : undefined,
    signedBy: ({ key }) => openssl.verify(key),
  };
}

/** A name out of somebody's certificate as a log may show it. */
export function shown(name: string): string {
  const printable = name.replaceAll(/[^\x20-\x7e]/g, "?");
  return printable.length > 96 ? `${printable.slice(0, 96)}…` : printable;
}

/** "2026-11-21 18:00:00 UTC". */
export function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? "an impossible time"
    : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
