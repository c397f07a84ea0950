/** What `vcpe doctor` finds: one look each, a sentence of what is, and what to do where it could be better. */
import { sentenceOf } from "../error.ts";

export interface Check {
  /** What was looked at, two words at most. */
  readonly check: string;
  /** failure: no router can run like this. warning: it runs, but without something, or slower. */
  readonly state: "ok" | "warning" | "failure";
  /** A sentence. */
  readonly says: string;
  /** The next step, a sentence; "" where nothing needs doing. */
  readonly next: string;
}

export function ok(check: string, says: string): Check {
  return { check, state: "ok", says, next: "" };
}

export function warning(check: string, says: string, next: string): Check {
  return { check, state: "warning", says, next };
}

export function failure(check: string, says: string, next: string): Check {
  return { check, state: "failure", says, next };
}

/** The failure that an error means. Errors of the house bring their next step along. */
export function failedBy(check: string, error: unknown): Check {
  const { next = "" } = error as { readonly next?: string };
  const says = sentenceOf(error);
  return failure(check, next !== "" && says.endsWith(next) ? says.slice(0, -next.length).trim() : says, next);
}
