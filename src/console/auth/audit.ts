/** What is written down of users, logins and tokens: who did what to whom, and whether it was let through. */
import type { Author } from "../author.ts";

export interface AuditEntry {
  readonly author: Author;
  /** A stable word: "login", "login-failed", "logout", "password-changed", "user-created", … */
  readonly action: string;
  /** The user or token that it is about: "user bob", "token tok-…". */
  readonly subject: string;
  readonly outcome: "done" | "refused";
  /** Done by somebody who has not logged in: kept for less long. */
  readonly stranger?: true;
  /** Never a secret. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
}

export type Audit = (entry: AuditEntry) => void;
