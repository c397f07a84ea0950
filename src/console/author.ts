/** Who wants a change. */
export interface Author {
  readonly user: string;
  readonly role: "admin" | "operator" | "viewer";
  readonly via: "session" | "token" | "system";
  /** Where the request came from: an IP address; "local" for the console itself. */
  readonly address: string;
}

/** Changes that the console makes by itself. */
export const SYSTEM: Author = { user: "system", role: "admin", via: "system", address: "local" };
