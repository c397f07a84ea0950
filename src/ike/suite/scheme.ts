/**
 * The one table of signature schemes for AUTH method 14 (RFC 7427): how each is named on the wire, with which keys it goes, and
 * which hash the verifier must have announced. Algorithm identifiers are compared as bytes: there is no ASN.1 to parse.
 */
import { HASH } from "../wire/iana.ts";

/** What a public key is good for. RSA: 2048–8192 bits. */
export type KeyKind = "ed25519" | "ecdsa-p256" | "ecdsa-p384" | "rsa";

export type Digest = "sha256" | "sha384" | "sha512";

export interface SignatureScheme {
  /** As logs name it. */
  readonly name: string;
  readonly keys: readonly KeyKind[];
  /** HASH in wire/iana: the peer must have it in its SIGNATURE_HASH_ALGORITHMS. */
  readonly hash: number;
  /** undefined: the scheme hashes by itself (EdDSA). */
  readonly digest: Digest | undefined;
  /** RSA: EMSA-PSS with a salt as long as the digest (RFC 8017 §9.1), else EMSA-PKCS1-v1_5. */
  readonly pss: boolean;
  /** DER of the AlgorithmIdentifier as we send it. */
  readonly algorithm: Uint8Array;
  /** Other encodings of the same that peers send. */
  readonly aliases: readonly Uint8Array[];
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

interface DigestRow {
  readonly digest: Digest;
  readonly hash: number;
  /** Last byte of the object identifiers: of the hash (2.16.840.1.101.3.4.2.x), with ECDSA (1.2.840.10045.4.3.x), with RSA (1.2.840.113549.1.1.x). */
  readonly oid: { readonly hash: string; readonly ecdsa: string; readonly rsa: string };
  /** Bytes of output, in hexadecimal. */
  readonly length: string;
}

const DIGESTS: readonly DigestRow[] = [
  { digest: "sha256", hash: HASH.SHA2_256, oid: { hash: "01", ecdsa: "02", rsa: "0b" }, length: "20" },
  { digest: "sha384", hash: HASH.SHA2_384, oid: { hash: "02", ecdsa: "03", rsa: "0c" }, length: "30" },
  { digest: "sha512", hash: HASH.SHA2_512, oid: { hash: "03", ecdsa: "04", rsa: "0d" }, length: "40" },
];

/** DER: tag, length (below 128), content. */
function der(tag: string, ...content: readonly string[]): string {
  const inside = content.join("");
  return `${tag}${(inside.length / 2).toString(16).padStart(2, "0")}${inside}`;
}

/**
 * RSASSA-PSS-params (RFC 8017 A.2.3): the NULL behind a hash may be there or not (RFC 4055 §2.1), and so may the trailer field
 * with its default value, which RFC 7427 A.4.3 writes though DER would leave it out. Ours comes first.
 */
function pss({ oid, length }: DigestRow): Uint8Array[] {
  const encodings: Uint8Array[] = [];
  for (const trailer of ["", der("a3", der("02", "01"))]) {
    for (const nothing of ["0500", ""]) {
      for (const inner of ["0500", ""]) {
        const hash = (end: string) => der("30", der("06", `6086480165030402${oid.hash}`), end);
        const mgf1 = der("30", der("06", "2a864886f70d010108"), hash(inner));
        const parameters = der("30", der("a0", hash(nothing)), der("a1", mgf1), der("a2", der("02", length)), trailer);
        encodings.push(hex(der("30", der("06", "2a864886f70d01010a"), parameters)));
      }
    }
  }
  return encodings;
}

function ecdsa({ digest, hash, oid }: DigestRow): SignatureScheme {
  return {
    name: `ECDSA with ${digest.toUpperCase()}`,
    keys: ["ecdsa-p256", "ecdsa-p384"],
    hash,
    digest,
    pss: false,
    algorithm: hex(der("30", der("06", `2a8648ce3d0403${oid.ecdsa}`))),
    aliases: [],
  };
}

function rsaPss(row: DigestRow): SignatureScheme {
  const { digest, hash } = row;
  const [algorithm, ...aliases] = pss(row);
  return { name: `RSA-PSS with ${digest.toUpperCase()}`, keys: ["rsa"], hash, digest, pss: true, algorithm, aliases };
}

function rsa({ digest, hash, oid }: DigestRow): SignatureScheme {
  return {
    name: `RSA with ${digest.toUpperCase()}`,
    keys: ["rsa"],
    hash,
    digest,
    pss: false,
    algorithm: hex(der("30", der("06", `2a864886f70d0101${oid.rsa}`), "0500")),
    aliases: [],
  };
}

/** RFC 8420 §3, appendix A. */
const ED25519: SignatureScheme = {
  name: "Ed25519",
  keys: ["ed25519"],
  hash: HASH.IDENTITY,
  digest: undefined,
  pss: false,
  algorithm: hex("3005 0603 2b6570"),
  aliases: [],
};

/** Most wanted first, of those that a key has. Never SHA-1. */
export const SCHEMES: readonly SignatureScheme[] = [
  ED25519,
  ...DIGESTS.map(ecdsa),
  ...DIGESTS.map(rsaPss),
  ...DIGESTS.map(rsa),
];

/** What we announce in SIGNATURE_HASH_ALGORITHMS: every hash of the table. */
export const OUR_HASHES: readonly number[] = [HASH.SHA2_256, HASH.SHA2_384, HASH.SHA2_512, HASH.IDENTITY];

/** The scheme to sign with: P-384 goes with SHA-384 where the peer has it, RSA with PSS (RFC 8247 §4.2). undefined: none is common. */
export function schemeFor(key: KeyKind, hashes: ReadonlySet<number>): SignatureScheme | undefined {
  const possible = SCHEMES.filter((scheme) => scheme.keys.includes(key) && hashes.has(scheme.hash));
  const fitting = key === "ecdsa-p384" ? possible.find(({ digest }) => digest === "sha384") : undefined;
  return fitting ?? possible[0];
}

/** The scheme of an AlgorithmIdentifier; undefined: not one of ours. */
export function schemeOf(algorithm: Uint8Array): SignatureScheme | undefined {
  const same = (other: Uint8Array) => Buffer.compare(other, algorithm) === 0;
  return SCHEMES.find((scheme) => same(scheme.algorithm) || scheme.aliases.some(same));
}
