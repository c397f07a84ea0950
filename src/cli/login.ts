/** `vcpe login`, `logout` and `password`: who speaks to which console. */
import { hostname, userInfo } from "node:os";
import { Client, openClient } from "./client/client.ts";
import {
  type Credentials,
  credentialsFile,
  loggedIn,
  readCredentials,
  removeCredentials,
  writeCredentials,
} from "./client/credentials.ts";
import { ClientError } from "./client/error.ts";
import { consoleUrl, type Place } from "./client/http.ts";
import { currentPassword, newPassword } from "./client/passwords.ts";
import { beginSession, headersOf } from "./client/session.ts";
import { note, say, sayJson, type Terminal } from "./client/terminal.ts";
import { type TrustFlags, trust } from "./client/trust.ts";

export interface LoginFlags extends TrustFlags {
  readonly console: string;
  readonly user: string;
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
  readonly json?: boolean;
}

/** Life of the token that is kept, days. */
const LIFE = 90;

/** The password is sent once and kept nowhere; what is kept is an API token, which can be revoked by itself. */
export async function login(terminal: Terminal, flags: LoginFlags): Promise<void> {
  const { user } = flags;
  const url = consoleUrl(flags.console);
  const place = await trust(terminal, url, flags);
  const password = await currentPassword(terminal, flags.passwordFile, user);
  let session = await beginSession(place, "/v1/login", {}, { user, password });
  if (session.mustChange) {
    note(terminal, "This is a one-time password; choose another now.");
    const fresh = await newPassword(terminal, flags.newPasswordFile, user);
    session = await beginSession(place, "/v1/password", headersOf(session), { old: password, new: fresh });
  }
  const client = new Client(terminal, place, headersOf(session));
  const file = credentialsFile(terminal.env);
  const kept = await makeToken(client, place, user);
  try {
    writeCredentials(file, kept);
  } catch (error) {
    await client.delete(`/v1/tokens/${kept.id}`).catch(() => undefined);
    throw error;
  }
  await client.postOnce("/v1/logout", undefined).catch(() => undefined);
  const { role } = session;
  if (flags.json) sayJson(terminal, { url, user, role, expires: kept.expires });
  else say(terminal, `logged in at ${url} as ${user} (${role}) until ${kept.expires?.slice(0, 10)}; kept in ${file}`);
}

/** Revokes the token and forgets it. What the console cannot be told is told to the user. */
export async function logout(terminal: Terminal): Promise<void> {
  const file = credentialsFile(terminal.env);
  const kept = readCredentials(file);
  if (!kept) return say(terminal, "nobody was logged in");
  const failed = await openClient(terminal)
    .delete(`/v1/tokens/${kept.id}`)
    .then(
      () => undefined,
      (error: Error) => error,
    );
  removeCredentials(file);
  say(terminal, `logged out of ${kept.url}`);
  if (failed instanceof ClientError && !["not-logged-in", "refused"].includes(failed.reason))
    note(
      terminal,
      `The console could not be told (${failed.message}). Token ${kept.id} is good until it expires, or is revoked.`,
    );
  else if (failed && !(failed instanceof ClientError)) throw failed;
}

export interface PasswordFlags {
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
}

export async function changePassword(terminal: Terminal, flags: PasswordFlags): Promise<void> {
  const kept = loggedIn(terminal);
  const old = await currentPassword(terminal, flags.passwordFile, kept.user);
  const fresh = await newPassword(terminal, flags.newPasswordFile, kept.user);
  const session = await beginSession(kept, "/v1/login", {}, { user: kept.user, password: old });
  const changed = await beginSession(kept, "/v1/password", headersOf(session), { old, new: fresh });
  await new Client(terminal, kept, headersOf(changed)).postOnce("/v1/logout", undefined).catch(() => undefined);
  say(terminal, `the password of ${kept.user} is changed; other sessions have ended`);
}

async function makeToken(client: Client, { url, ca }: Place, user: string): Promise<Credentials> {
  const name = `vcpe login, ${userInfo().username}@${hostname()}`.slice(0, 128);
  const expires = new Date(Date.now() + LIFE * 86_400_000).toISOString();
  const { body } = await client.postOnce<{ id: string; token: string; expires: string | null }>("/v1/tokens", {
    name,
    expires,
  });
  return { url, ca, user, id: body.id, token: body.token, expires: body.expires };
}
