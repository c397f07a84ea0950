/** A console in this process, and commands against it over plain HTTP on the loopback. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { login } from "../../../../src/cli/login.ts";
import { type OpenConsole, openConsole } from "../../../../src/console/console.ts";
import { CHEAP } from "../../console/auth/site.ts";
import { type FakeTerminal, fakeTerminal } from "../client/terminal.ts";

export const folder = mkdtempSync(join(tmpdir(), "vcpe-commands-"));

export const env = { VCPE_CREDENTIALS: join(folder, "credentials.json"), HOME: folder };

const faults: unknown[] = [];

const log = { level: "info", debug() {}, info() {}, warn() {}, error: (context: object) => void faults.push(context) };

export let site: OpenConsole;

export const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

/** What a command wrote; ids, serial numbers, keys and times are made alike. */
export async function run(
  act: (terminal: FakeTerminal) => Promise<unknown>,
): Promise<{ out: string; err: string; gave: unknown }> {
  const terminal = fakeTerminal(env);
  const gave = await act(terminal);
  await new Promise((resolve) => setImmediate(resolve));
  const plain = (text: string) =>
    text
      .replaceAll(/vcpe[a-z0-9]{12}/g, "vcpeSERIALNUMBER")
      .replaceAll(/\b(area|ap|cen|ccn|ins|vpc|tok)-[a-z0-9]{10}\b/g, "$1-ID")
      .replaceAll(/key [A-Z0-9-]{20,}/g, "key KEY")
      .replaceAll(/\d{4}-\d\d-\d\d[T ][\d:.]+Z/g, "TIME");
  return { out: plain(terminal.written.out), err: plain(terminal.written.err), gave };
}

export const words = (text: string) => text.split(" ");

beforeAll(async () => {
  site = await openConsole({
    folder: join(folder, "console"),
    listen: { host: "127.0.0.1", port: 0 },
    names: [],
    http: true,
    cost: CHEAP,
    log,
  } as Parameters<typeof openConsole>[0]);
});

afterAll(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
  expect(faults).toEqual([]);
});

/** The first login, as admin; "password" is a file with what the one-time password was changed to. */
export async function firstLogin(): Promise<{ readonly out: string; readonly err: string }> {
  return run((t) =>
    login(t, {
      console: site.url,
      user: "admin",
      passwordFile: file("once", `${site.firstPassword}\n`),
      newPasswordFile: file("password", "a few plain words\n"),
    }),
  );
}
