/** What the router refuses, or fails at: a stable code, a sentence for a network engineer, and the next step. */

export type RouterErrorCode =
  /** A router of this name runs already. */
  | "already-running"
  /** The change needs a restart. */
  | "restart-needed"
  /** A change could not be carried out; what was done of it has been taken back. */
  | "apply-failed"
  | "unknown-tunnel"
  /** The tunnel is not in a state for what was asked. */
  | "not-possible"
  /** There is no free routing table for a leased line. */
  | "no-table"
  /** The folder for socket and state cannot be used. */
  | "run-folder"
  /** The datapath ended by itself. */
  | "datapath-failed";

export class RouterError extends Error {
  override readonly name = "RouterError";
  readonly code: RouterErrorCode;
  /** What to do now; one sentence without its full stop. */
  readonly next: string;

  constructor(code: RouterErrorCode, message: string, next: string, cause?: unknown) {
    super(`${message}. ${next}.`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.next = next;
  }
}

/** The sentence of whatever was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
