/** What a command of the console's client ends with when it cannot do what was asked. */

export interface Violation {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly path?: string;
  readonly kind?: string;
  readonly id?: string;
}

export type Reason =
  /** No credentials, or the console takes them no more. */
  | "not-logged-in"
  /** The console answered, and said no. */
  | "refused"
  /** It does not answer, or not as a console. */
  | "no-answer"
  /** The command line makes no sense. */
  | "usage"
  /** Something on this machine: a file, a terminal. */
  | "failed";

export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly reason: Reason;
  /** Stable word; the console's own when it refused. */
  readonly code: string;
  /** What to do now, without its full stop; "": nothing. */
  readonly next: string;
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  readonly path: string | undefined;
  readonly violations: readonly Violation[];
  /** Body of the reply: a dry run that is refused says what it would have done. */
  readonly body: unknown;

  constructor(
    reason: Reason,
    code: string,
    message: string,
    next: string,
    more: { status?: number; path?: string; violations?: readonly Violation[]; body?: unknown; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.reason = reason;
    this.code = code;
    this.next = next;
    this.status = more.status ?? 0;
    this.path = more.path;
    this.violations = more.violations ?? [];
    this.body = more.body;
  }

  /** The same error with other words for keys of the request; undefined: none. */
  withPaths(words: (path: string) => string | undefined): ClientError {
    const { reason, code, message, next, status, path, violations, body } = this;
    const other = (key: string | undefined) => (key ? words(key) : key);
    return new ClientError(reason, code, message, next, {
      status,
      path: other(path),
      violations: violations.map((one) => ({ ...one, path: other(one.path) })),
      body,
      cause: this.cause,
    });
  }

  /** What a person reads. */
  lines(): string[] {
    const { path, message, next, violations } = this;
    const first =
      path === undefined
        ? sentences(message, next)
        : `${path}: ${message.replace(/\.$/, "")}. ${sentences(next)}`.trim();
    const rest = violations.length > 1 ? violations : [];
    return [
      `vcpe: ${first}`,
      ...rest.map((one) => `  ${one.path ? `${one.path}: ` : ""}${sentences(one.message, one.next)}`),
    ];
  }
}

export function usage(message: string, next: string): ClientError {
  return new ClientError("usage", "usage", message, next);
}

/** "the name is taken", "choose another" → "The name is taken. Choose another." */
export function sentences(...texts: readonly string[]): string {
  return texts
    .filter((text) => text !== "")
    .map((text) => `${capital(text)}${/[.?!:]$/.test(text) ? "" : "."}`)
    .join(" ");
}

/** With a capital where a word begins the sentence; commands, files, hosts and URLs stay as they are written. */
export function capital(text: string): string {
  return /^(?!vcpe\b)[a-z]+(?=[\s,:;'’]|$)(?!:\S)/.test(text) ? `${text[0].toUpperCase()}${text.slice(1)}` : text;
}
