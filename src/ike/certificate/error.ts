export type CertificateCode =
  /** Bytes that are no X.509 certificate, or one that contradicts itself. */
  | "malformed"
  /** A certificate among the trust anchors that is no certification authority's. */
  | "not-authority"
  /** The private key is not the one of the certificate. */
  | "wrong-key"
  /** None, or more than we take. */
  | "limit";

/** What this folder throws for certificates that it cannot use. The sentence is for the operator, without a full stop. */
export class CertificateError extends Error {
  readonly code: CertificateCode;

  constructor(code: CertificateCode, sentence: string) {
    super(sentence);
    this.name = "CertificateError";
    this.code = code;
  }
}
