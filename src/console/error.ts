/** What the console refuses, told to a network engineer: a stable word, one sentence, and what to do next. */
import type { Kind } from "./model/resources.ts";

/** A rule that was broken; of the intent (then with the resource that breaks it) or of the form of a request. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly path: string;
  readonly kind?: Kind;
  readonly id?: string;
  readonly other?: { readonly kind: Kind; readonly id: string; readonly name: string };
}

/** The body of every reply that is not a success. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly path?: string;
  readonly violations?: readonly Fault[];
}

export class ConsoleError extends Error {
  /** A stable word in kebab case. */
  readonly code: string;
  /** Of HTTP, 4xx or 503. */
  readonly status: number;
  readonly next: string;
  /** Key in the request: "cidrs[2]". */
  readonly path: string | undefined;
  /** All that was found, when it is more than rules of one key. */
  readonly violations: readonly Fault[] | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    next: string,
    more: { readonly path?: string; readonly violations?: readonly Fault[]; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = "ConsoleError";
    this.status = status;
    this.code = code;
    this.next = next;
    this.path = more.path;
    this.violations = more.violations;
  }

  body(): ErrorBody {
    const { code, message, next, path, violations } = this;
    return { code, message, next, ...(path !== undefined && { path }), ...(violations && { violations }) };
  }
}

/** Broken rules as one error: 409 when another resource stands against it, else `status`. @param faults at least one */
export function refusal(faults: readonly Fault[], status: 400 | 422): ConsoleError {
  const [first] = faults;
  const rest = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  const against = faults.some(({ other }) => other !== undefined);
  return new ConsoleError(against ? 409 : status, first.code, `${first.message}${rest}`, first.next, {
    path: first.path,
    violations: faults,
  });
}
