/** What the certification authority refuses: a stable code, a sentence, and the next step. */

export type AuthorityErrorCode =
  /** The folder or a file in it cannot be used: missing, readable by others, of another user. */
  | "ca-folder"
  /** Files that do not belong together. */
  | "ca-mismatch"
  /** A certificate request that is not one of ours. */
  | "csr";

export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
  readonly code: AuthorityErrorCode;
  /** One sentence without its full stop. */
  readonly next: string;

  constructor(code: AuthorityErrorCode, message: string, next: string) {
    super(`${message}. ${next}.`);
    this.code = code;
    this.next = next;
  }
}
