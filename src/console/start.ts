/** Why a console does not start: a stable code, a sentence, and the next step. Nothing is left running. */
export type StartCode =
  /** Another console has the folder. */
  | "already-running"
  | "folder"
  /** It is damaged, of a newer version, or the disk under it is full. */
  | "database"
  | "certificate"
  /** The address is taken, not ours, or not permitted. */
  | "listen";

export class StartError extends Error {
  override readonly name = "StartError";
  readonly code: StartCode;
  /** Without its full stop, as the message is. */
  readonly next: string;

  constructor(code: StartCode, message: string, next: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.next = next;
  }
}
