/** What proves to peers who we are, and who may vouch for them: our certificate, its private key, the trusted authorities. */
import { type SignatureScheme, SigningKey, schemeFor } from "../suite/index.ts";
import { type Certificate, readCertificate } from "./certificate.ts";
import { CertificateError } from "./error.ts";
import { authorityHash, Trust } from "./trust.ts";

/** Certificates in our chain, ours included. */
export const MAX_CHAIN = 6;

export interface CredentialsConfig {
  /** DER; our certificate, then its issuers, without the root. */
  readonly chain: readonly Uint8Array[];
  /** PKCS #8, DER, without passphrase. Copied; the caller wipes it. */
  readonly key: Uint8Array;
  /** DER of the authorities that may vouch for peers. */
  readonly trust: readonly Uint8Array[];
}

export class Credentials {
  readonly trust: Trust;
  readonly #chain: readonly Certificate[];
  readonly #key: SigningKey;

  /** Throws CertificateError, and SuiteError for a private key that is none. */
  constructor({ chain, key, trust }: CredentialsConfig) {
    if (chain.length === 0 || chain.length > MAX_CHAIN) {
      throw new CertificateError("limit", `A chain of ${chain.length} certificates; there must be 1–${MAX_CHAIN}`);
    }
    this.trust = new Trust(trust);
    this.#chain = chain.map(readCertificate);
    this.#key = new SigningKey(key);
    const { key: ours, subject } = this.certificate;
    if (ours === undefined || !this.#key.matches(ours)) {
      this.wipe();
      throw new CertificateError("wrong-key", `The private key is not the one of the certificate ${subject}`);
    }
  }

  /** Ours. */
  get certificate(): Certificate {
    return this.#chain[0];
  }

  /**
   * What to send to a peer that trusts these authorities (hashes as in CERTREQ; undefined: it has not said): our certificate and those
   * between it and the first that the peer has itself. A root is never sent: who does not have it has no reason to trust it.
   */
  presented(authorities: readonly Uint8Array[] | undefined): Uint8Array[] {
    const sent: Uint8Array[] = [];
    for (const [i, certificate] of this.#chain.entries()) {
      const hash = Buffer.from(authorityHash(certificate));
      const known = authorities?.some((authority) => hash.equals(authority)) ?? false;
      const root = certificate.subjectName === certificate.issuerName;
      if (i > 0 && (known || root)) break;
      sent.push(certificate.der);
    }
    return sent;
  }

  /** The scheme to sign with for a peer that has these hashes; undefined: there is none in common. */
  scheme(hashes: ReadonlySet<number>): SignatureScheme | undefined {
    return schemeFor(this.#key.kind, hashes);
  }

  /** As operators call it. */
  get keyKind(): string {
    return this.#key.kind;
  }

  sign(scheme: SignatureScheme, octets: Uint8Array): Uint8Array {
    return this.#key.sign(scheme, octets);
  }

  /** The private key is forgotten. After this they must not be used any more. */
  wipe(): void {
    this.#key.wipe();
  }
}
