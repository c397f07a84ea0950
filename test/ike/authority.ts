/** Certification authorities for tests: certificates and keys are made when they are wanted, none is kept in the repository. */
import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

export { KeyUsageFlags } from "@peculiar/x509";

export type KeyName = "ed25519" | "p256" | "p384" | "rsa" | "p521" | "rsa1024";

interface KeyAlgorithm {
  /** For WebCrypto: of the key, and of its signatures. */
  readonly key: webcrypto.Algorithm;
  readonly signature: webcrypto.Algorithm & { readonly hash?: string; readonly saltLength?: number };
}

const rsa = (modulusLength: number): KeyAlgorithm => {
  const publicExponent = Uint8Array.of(1, 0, 1);
  const key = { name: "RSASSA-PKCS1-v1_5", modulusLength, publicExponent, hash: "SHA-256" };
  return { key, signature: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } };
};

const ecdsa = (namedCurve: string, hash: string): KeyAlgorithm => {
  const key = { name: "ECDSA", namedCurve };
  return { key, signature: { name: "ECDSA", hash } };
};

const ALGORITHMS: Readonly<Record<KeyName, KeyAlgorithm>> = {
  ed25519: { key: { name: "Ed25519" }, signature: { name: "Ed25519" } },
  p256: ecdsa("P-256", "SHA-256"),
  p384: ecdsa("P-384", "SHA-384"),
  p521: ecdsa("P-521", "SHA-512"),
  rsa: rsa(2048),
  rsa1024: rsa(1024),
};

/** Time 0 of certificates that say nothing else: the hosts' clock of network.ts at its time 0. */
export const EPOCH = Date.UTC(2026, 0, 1);
export const DAY = 86_400_000;

/** What a test wants to be different from a good certificate. */
export interface Wishes {
  readonly key?: KeyName;
  /** Milliseconds from EPOCH. */
  readonly from?: number;
  readonly until?: number;
  readonly dns?: readonly string[];
  /** null: no such extension. */
  readonly authority?: boolean | null;
  readonly pathLength?: number;
  readonly usage?: KeyUsageFlags | null;
  readonly purposes?: readonly string[];
  readonly more?: readonly Extension[];
  /** Hash of the issuer's signature instead of the usual one. */
  readonly hash?: string;
}

/** A certificate with its private key. */
export class Holder {
  readonly subject: string;
  readonly der: Uint8Array;
  /** PKCS #8, DER. */
  readonly key: Uint8Array;
  readonly #algorithm: KeyAlgorithm;
  readonly #pair: webcrypto.CryptoKeyPair;

  private constructor(
    subject: string,
    der: Uint8Array,
    key: Uint8Array,
    algorithm: KeyAlgorithm,
    pair: webcrypto.CryptoKeyPair,
  ) {
    this.subject = subject;
    this.der = der;
    this.key = key;
    this.#algorithm = algorithm;
    this.#pair = pair;
  }

  /** A self-signed authority. */
  static root(name: string, wishes: Wishes = {}): Promise<Holder> {
    return Holder.#make(name, { authority: true, usage: KeyUsageFlags.keyCertSign, ...wishes }, undefined);
  }

  /** An authority below this one. */
  authority(name: string, wishes: Wishes = {}): Promise<Holder> {
    return Holder.#make(name, { authority: true, usage: KeyUsageFlags.keyCertSign, ...wishes }, this);
  }

  /** An end entity's; `name` is its dNSName too. */
  issue(name: string, wishes: Wishes = {}): Promise<Holder> {
    return Holder.#make(name, { dns: [name], ...wishes }, this);
  }

  static async #make(name: string, wishes: Wishes, issuer: Holder | undefined): Promise<Holder> {
    const algorithm = ALGORITHMS[wishes.key ?? "ed25519"];
    const pair = (await crypto.subtle.generateKey(algorithm.key, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
    const subject = name === "" ? "" : `CN=${name}`;
    const signing = issuer ?? { subject, keyAlgorithm: algorithm, privateKey: pair.privateKey };
    const { authority = false, usage = KeyUsageFlags.digitalSignature } = wishes;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
      subject,
      issuer: signing.subject,
      notBefore: new Date(EPOCH + (wishes.from ?? -DAY)),
      notAfter: new Date(EPOCH + (wishes.until ?? 365 * DAY)),
      publicKey: pair.publicKey,
      signingKey: signing.privateKey,
      signingAlgorithm: { ...signing.keyAlgorithm.signature, ...(wishes.hash ? { hash: wishes.hash } : {}) },
      extensions: [
        ...(authority === null ? [] : [new BasicConstraintsExtension(authority, wishes.pathLength, true)]),
        ...(usage === null ? [] : [new KeyUsagesExtension(usage, true)]),
        ...(wishes.dns?.length
          ? [new SubjectAlternativeNameExtension(wishes.dns.map((value) => ({ type: "dns" as const, value })))]
          : []),
        ...(wishes.purposes ? [new ExtendedKeyUsageExtension([...wishes.purposes])] : []),
        ...(wishes.more ?? []),
      ],
    });
    const key = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
    return new Holder(subject, new Uint8Array(certificate.rawData), key, algorithm, pair);
  }

  get keyAlgorithm(): KeyAlgorithm {
    return this.#algorithm;
  }

  get privateKey(): webcrypto.CryptoKey {
    return this.#pair.privateKey;
  }
}

/** A critical extension that nobody knows. */
export function strangeExtension(critical: boolean, oid = "1.3.6.1.4.1.99999.1"): Extension {
  return new Extension(oid, critical, Uint8Array.of(5, 0));
}

/** For tests by the host's real clock: valid since yesterday, for `days` days. */
export function current(days = 30): Wishes {
  const now = Date.now() - EPOCH;
  return { from: now - DAY, until: now + days * DAY };
}

/** As openssl writes it. */
export function certificatePem(...holders: readonly Holder[]): string {
  return holders.map(({ der }) => PemConverter.encode(der, "CERTIFICATE")).join("\n");
}

export function keyPem({ key }: Holder): string {
  return PemConverter.encode(key, "PRIVATE KEY");
}
