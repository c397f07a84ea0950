/** A session at a console, for what a password is asked for. */
import { Client } from "./client.ts";
import { loggedIn } from "./credentials.ts";
import { ClientError } from "./error.ts";
import { type Place, send } from "./http.ts";
import { currentPassword } from "./passwords.ts";
import type { Terminal } from "./terminal.ts";

export interface Session {
  readonly role: string;
  readonly csrf: string;
  readonly mustChange: boolean;
  readonly cookie: string;
}

/** @param path /v1/login or /v1/password. @throws ClientError login-failed, no-console … */
export async function beginSession(
  place: Place,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: object,
): Promise<Session> {
  const reply = await send<Omit<Session, "cookie">>(place, {
    method: "POST",
    path,
    headers,
    body,
    // While somebody tries passwords under this name, the console takes its time.
    patience: 60_000,
  });
  const [cookie] = (reply.headers["set-cookie"] ?? []).map((line) => line.split(";")[0]);
  if (cookie && typeof reply.body?.csrf === "string") return { ...reply.body, cookie };
  throw new ClientError("no-answer", "no-console", `${place.url} does not log in as a console does`, "Check the URL");
}

export function headersOf({ cookie, csrf }: Session): Record<string, string> {
  return { cookie, "x-csrf-token": csrf };
}

/**
 * Does something as whoever is logged in, in a session that begins with the password and ends with it: what the kept token may not, or
 * what is not to end with that token. @throws ClientError
 */
export async function inSession<T>(
  terminal: Terminal,
  passwordFile: string | undefined,
  act: (client: Client) => Promise<T>,
): Promise<T> {
  const kept = loggedIn(terminal);
  const password = await currentPassword(terminal, passwordFile, kept.user);
  const session = await beginSession(kept, "/v1/login", {}, { user: kept.user, password });
  const client = new Client(terminal, kept, headersOf(session));
  try {
    return await act(client);
  } finally {
    await client.postOnce("/v1/logout", undefined).catch(() => undefined);
  }
}
