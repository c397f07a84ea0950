export type SuiteCode =
  /** A name in the configuration that is no proposal of ours. */
  | "unknown-proposal"
  /** A public value of the wrong length, off its curve, or one that gives no secret (RFC 5903 §9, RFC 8031 §4). */
  | "invalid-public-key"
  /** A private key that is none, or of a kind that cannot sign here. */
  | "invalid-private-key";

/** What this folder throws; the sentence is for the operator and never holds a secret. */
export class SuiteError extends Error {
  readonly code: SuiteCode;

  constructor(code: SuiteCode, sentence: string) {
    super(sentence);
    this.name = "SuiteError";
    this.code = code;
  }
}
