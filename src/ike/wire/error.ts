/** What can be wrong with a message; stable words that counters and tests use. */
export type WireCode =
  /** Fewer bytes than a field or a length says. */
  | "truncated"
  /** A length field that contradicts what it holds, or bytes after the last payload. */
  | "length"
  /** Major version is not 2: answer INVALID_MAJOR_VERSION (RFC 7296 §2.5). */
  | "version"
  /** More payloads, proposals, transforms … than we are willing to look at. */
  | "limit"
  /** A field holds a value that its payload does not allow. */
  | "value"
  /** A payload where it must not be: an Encrypted payload inside an Encrypted payload, or after it; one that comes twice. */
  | "order"
  /** The tag of an Encrypted payload does not verify: drop without an answer (RFC 7296 §2.21). */
  | "integrity"
  /** Asked to build what does not fit into its length field. */
  | "too-long";

/**
 * The only thing that this folder throws for bytes it does not like. "integrity" and everything in an unprotected message
 * is dropped without an answer; the rest, inside an authentic message, is an INVALID_SYNTAX (RFC 7296 §2.21.2).
 */
export class WireError extends Error {
  readonly code: WireCode;
  /** Where, in bytes from the start of the message (of the decrypted content, when it was inside an Encrypted payload). */
  readonly offset: number;

  constructor(code: WireCode, offset: number, sentence: string) {
    super(`${sentence} (at byte ${offset})`);
    this.name = "WireError";
    this.code = code;
    this.offset = offset;
  }
}
