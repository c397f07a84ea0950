/** What logging in, and the care of users and tokens, is refused with. */

/** Same shape as every error of the console: a code, a sentence, the next step, and the HTTP status. */
export class AuthError extends Error {
  override readonly name = "AuthError";
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  readonly statusCode: number;
  /** What to do now; one sentence without its full stop, as the message is. */
  readonly next: string;
  /** Seconds after which it is worth trying again. */
  readonly retryAfter: number | undefined;
  /** Key of the request's body that is wrong. */
  readonly path: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    next: string,
    more: { readonly retryAfter?: number; readonly path?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.statusCode = status;
    this.code = code;
    this.next = next;
    this.retryAfter = more.retryAfter;
    this.path = more.path;
  }
}

/** Body of a reply that refuses. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly path?: string;
}

export function refusalOf({ code, message, next, path }: AuthError): Refusal {
  return { code, message, next, ...(path === undefined ? {} : { path }) };
}
