/** `vcpe users` and `vcpe tokens`: who may use the console, and with what. */
import { type Client, openClient } from "./client/client.ts";
import { usage } from "./client/error.ts";
import { textOf } from "./client/item.ts";
import { inSession } from "./client/session.ts";
import { note, say, sayJson, sayTable, type Terminal } from "./client/terminal.ts";

interface User {
  readonly name: string;
  readonly role: string;
  readonly disabled: boolean;
  readonly mustChange: boolean;
  readonly lastLogin: string | null;
  readonly password?: string;
}

interface Token {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  readonly role: string;
  readonly expires: string | null;
  readonly used: string | null;
  readonly token?: string;
}

interface Json {
  readonly json?: boolean;
}

const userPath = (name: string) => `/v1/users/${encodeURIComponent(name)}`;

export async function listUsers(terminal: Terminal, { json }: Json): Promise<void> {
  const { items } = (await openClient(terminal).get<{ items: User[] }>("/v1/users")).body;
  if (json) return sayJson(terminal, items);
  const rows = items.map(({ name, role, disabled, mustChange, lastLogin }) => [
    name,
    role,
    disabled ? "disabled" : mustChange ? "one-time password" : "active",
    textOf(lastLogin),
  ]);
  sayTable(terminal, ["NAME", "ROLE", "STATE", "LAST LOGIN"], rows, ["LAST LOGIN", "STATE"]);
}

export async function addUser(
  terminal: Terminal,
  name: string,
  { role, json }: Json & { role: string },
): Promise<void> {
  const { body } = await openClient(terminal).postOnce<User>("/v1/users", { name, role });
  if (json) sayJson(terminal, body);
  else once(terminal, `user ${name} (${role}), one-time password`, body.password);
}

export interface UserChange extends Json {
  readonly role?: string;
  readonly disable?: boolean;
  readonly enable?: boolean;
  readonly resetPassword?: boolean;
}

export async function setUser(terminal: Terminal, name: string, change: UserChange): Promise<void> {
  const { role, disable, enable, resetPassword, json } = change;
  if (disable && enable) throw usage("--disable and --enable are opposites", "Keep one of the two");
  const body = {
    ...(role === undefined ? {} : { role }),
    ...(disable || enable ? { disabled: disable === true } : {}),
    ...(resetPassword ? { resetPassword: true } : {}),
  };
  if (Object.keys(body).length === 0)
    throw usage("nothing is to be changed", "--role, --disable, --enable or --reset-password");
  const user = (await openClient(terminal).patch<User>(userPath(name), "*", body)).body;
  if (json) return sayJson(terminal, user);
  say(terminal, `user ${name}: ${user.role}${user.disabled ? ", disabled" : ""}`);
  if (user.password !== undefined) once(terminal, "one-time password", user.password);
}

export async function removeUser(terminal: Terminal, name: string): Promise<void> {
  await openClient(terminal).delete(userPath(name));
  say(terminal, `user ${name} deleted`);
}

export async function listTokens(terminal: Terminal, { user, json }: Json & { user?: string }): Promise<void> {
  const { items } = (await openClient(terminal).get<{ items: Token[] }>("/v1/tokens", { user })).body;
  if (json) return sayJson(terminal, items);
  if (items.length === 0) return say(terminal, "no tokens");
  const rows = items.map((one) => [one.id, one.user, one.role, textOf(one.expires), textOf(one.used), one.name]);
  sayTable(terminal, ["ID", "USER", "ROLE", "EXPIRES", "LAST USED", "FOR"], rows, ["LAST USED", "FOR", "EXPIRES"]);
}

export interface NewToken extends Json {
  readonly role?: string;
  readonly days?: string;
  readonly passwordFile?: string;
}

/** Asks for the password: what the token of `vcpe login` makes would end with it, at the next logout. */
export async function addToken(terminal: Terminal, name: string, flags: NewToken): Promise<void> {
  const { role, days, passwordFile, json } = flags;
  const life = days === undefined ? undefined : Number(days);
  if (life !== undefined && !(Number.isInteger(life) && life >= 1 && life <= 3650))
    throw usage(`--days: "${days}" is no number of days`, "Write 1 to 3650");
  const expires = life === undefined ? undefined : new Date(Date.now() + life * 86_400_000).toISOString();
  const { body } = await inSession(terminal, passwordFile, (client) =>
    client.postOnce<Token>("/v1/tokens", { name, role, expires }),
  );
  if (json) sayJson(terminal, body);
  else once(terminal, `token ${body.id} (${body.role}, until ${textOf(body.expires)})`, body.token);
}

export async function revokeToken(terminal: Terminal, id: string): Promise<void> {
  await openClient(terminal).delete(`/v1/tokens/${encodeURIComponent(id)}`);
  say(terminal, `token ${id} revoked`);
}

export async function whoami(terminal: Terminal, { json }: Json): Promise<void> {
  const client: Client = openClient(terminal);
  const { body } = await client.get<{ user: string; role: string; via: string }>("/v1/whoami");
  if (json) sayJson(terminal, { url: client.place.url, ...body });
  else say(terminal, `${body.user} (${body.role}) at ${client.place.url}`);
}

function once(terminal: Terminal, what: string, secret: string | undefined): void {
  say(terminal, `${what}: ${textOf(secret)}`);
  note(terminal, "It is shown this once.");
}
