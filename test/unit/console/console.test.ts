import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { connect } from "node:tls";
import { afterAll, describe, expect, it } from "vitest";
import { credentialsFile, readCredentials } from "../../../src/cli/client/credentials.ts";
import { login } from "../../../src/cli/login.ts";
import { whoami } from "../../../src/cli/people.ts";
import { namesOf } from "../../../src/console/certificate.ts";
import { type ConsoleOptions, openConsole, resetPasswordIn } from "../../../src/console/console.ts";
import { StartError } from "../../../src/console/start.ts";
import { fakeTerminal } from "../cli/client/terminal.ts";
import { CHEAP } from "./auth/site.ts";

const root = new URL("../../../", import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), "vcpe-console-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const faults: unknown[] = [];
const lines: unknown[] = [];
const log = {
  level: "info",
  debug: (...args: unknown[]) => void lines.push(args),
  info: (...args: unknown[]) => void lines.push(args),
  warn: (...args: unknown[]) => void lines.push(args),
  error: (...args: unknown[]) => void faults.push(args),
} as unknown as ConsoleOptions["log"];

const options = (folder: string): ConsoleOptions => ({
  folder,
  listen: { host: "127.0.0.1", port: 0 },
  names: ["console.example"],
  cost: CHEAP,
  log,
});

const password = join(scratch, "password");
const fresh = join(scratch, "fresh");
writeFileSync(fresh, "a few plain words\n", { mode: 0o600 });

describe("a console", () => {
  it("is killed, and goes on from there; one at a time", async () => {
    const folder = join(scratch, "killed");
    const node = join(root, "node_modules/.bin/node");
    const args = ["src/cli/main.ts", "console", "--json", "--folder", folder, "--listen", "127.0.0.1:0"];
    const child = spawn(node, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once("data", (chunk) => resolve(String(chunk)));
      child.once("exit", () => reject(new Error(`it ended: ${said}`)));
    });
    const { firstPassword, fingerprint, user } = JSON.parse(line);
    expect({ user, fingerprint }).toEqual({
      user: "admin",
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    });
    expect(said).not.toContain(firstPassword);
    await expect(openConsole(options(folder))).rejects.toMatchObject({ code: "already-running" });
    child.kill("SIGKILL");
    await ended;

    const again = await openConsole(options(folder));
    try {
      expect(again.firstPassword).toBeUndefined();
      expect(again.fingerprint).toBe(fingerprint);
      writeFileSync(password, firstPassword, { mode: 0o600 });
      const port = new URL(again.url).port;
      const terminal = fakeTerminal({ VCPE_CREDENTIALS: join(scratch, "killed.json") });
      const flags = { console: `127.0.0.1:${port}`, user: "admin", passwordFile: password, newPasswordFile: fresh };
      await expect(login(terminal, flags)).rejects.toMatchObject({
        code: "ca-unknown",
        next: expect.stringContaining(fingerprint),
      });
      await expect(login(terminal, { ...flags, ca: "00".repeat(32) })).rejects.toMatchObject({ code: "ca-mismatch" });
      await login(terminal, { ...flags, ca: fingerprint });
      await whoami(terminal, {});
      expect(readCredentials(credentialsFile(terminal.env))?.ca).toContain("BEGIN CERTIFICATE");
    } finally {
      await again.close();
    }
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "console.sqlite")).mode & 0o777).toBe(0o600);
  }, 120_000);

  it("is refused where there can be no folder, in a sentence and at once", async () => {
    await expect(openConsole(options("/proc/x"))).rejects.toMatchObject({
      code: "folder",
      message: "/proc/x cannot be used (ENOENT)",
    });
  });

  it("is trusted after a look at its fingerprint, or not at all", async () => {
    const folder = join(scratch, "asked");
    const site = await openConsole(options(folder));
    const start = async (answer: string, yes = false) => {
      const terminal = fakeTerminal({ VCPE_CREDENTIALS: join(scratch, "asked.json") }, true);
      const console = `https://127.0.0.1:${new URL(site.url).port}`;
      const done = login(terminal, { console, user: "admin", passwordFile: password, newPasswordFile: fresh, yes });
      const look = setInterval(() => {
        if (answer === "" || !terminal.written.err.includes(site.fingerprint as string)) return;
        clearInterval(look);
        terminal.type(answer);
      }, 100);
      await done
        .catch((error) => Promise.reject(Object.assign(error, { shown: terminal.written.err })))
        .finally(() => clearInterval(look));
      return terminal.written;
    };
    try {
      expect(new URL(site.url).hostname).toBe("console.example");
      writeFileSync(password, site.firstPassword as string, { mode: 0o600 });
      await expect(start("n\n")).rejects.toMatchObject({
        code: "ca-refused",
        shown: expect.stringContaining(site.fingerprint as string),
      });
      expect((await start("y\n")).out).toContain("logged in");
      writeFileSync(password, "a few plain words", { mode: 0o600 });
      expect((await start("", true)).err).toContain(`trusted without a question: https://127.0.0.1`);
    } finally {
      await site.close();
    }
    await expect(start("", true)).rejects.toMatchObject({ reason: "no-answer" });
    expect(await resetPasswordIn(folder, "admin", CHEAP)).toMatch(/^([a-z0-9]{5}-){3}[a-z0-9]{5}$/);
    await expect(resetPasswordIn(folder, "nobody")).rejects.toMatchObject({ code: "not-found" });
    expect(JSON.stringify(lines)).not.toContain(site.firstPassword);
    expect(faults).toEqual([]);
  });

  it("speaks TLS 1.3 and HTTP/1.1, and asks clients for a certificate without needing one", async () => {
    const site = await openConsole(options(join(scratch, "tls")));
    const port = Number(new URL(site.url).port);
    const meet = (more: object) =>
      new Promise<{ protocol: string | null; alpn: string | false | null; names: string | undefined }>(
        (resolve, reject) => {
          const socket = connect(
            { host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2", "http/1.1"], ...more },
            () => {
              resolve({
                protocol: socket.getProtocol(),
                alpn: socket.alpnProtocol,
                names: socket.getPeerX509Certificate()?.subjectAltName,
              });
              socket.destroy();
            },
          );
          socket.on("error", reject);
        },
      );
    try {
      const { protocol, alpn, names } = await meet({});
      expect({ protocol, alpn }).toEqual({ protocol: "TLSv1.3", alpn: "http/1.1" });
      for (const name of ["DNS:console.example", "DNS:localhost", "IP Address:127.0.0.1"])
        expect(names).toContain(name);
      await expect(
        meet({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
      ).rejects.toThrow();
      await expect(
        openConsole({ ...options(join(scratch, "port")), listen: { host: "127.0.0.1", port } }),
      ).rejects.toMatchObject({
        code: "listen",
      });
      // What did not start holds nothing: the folder is free, and the first password is still to come.
      const second = await openConsole(options(join(scratch, "port")));
      expect(second.firstPassword).toBeDefined();
      await second.close();
    } finally {
      await site.close();
    }
  });

  it.each<[string, (file: string) => void, RegExp]>([
    ["garbage", (file) => writeFileSync(file, randomBytes(8192)), /is no database.*back-up/],
    ["damaged", (file) => damage(file), /is damaged.*back-up/],
    [
      "of a newer version",
      (file) => {
        const database = new DatabaseSync(file);
        database.exec("INSERT INTO migration (name, at) VALUES ('store-999', '2030-01-01')");
        database.close();
      },
      /newer version of vcpe.*Run that version/,
    ],
  ])("says what to do with a database that is %s, without a stack", async (name, spoil, words) => {
    const folder = join(scratch, name.replaceAll(" ", "-"));
    const first = await openConsole(options(folder));
    await first.close();
    spoil(join(folder, "console.sqlite"));
    for (const open of [() => openConsole(options(folder)), () => resetPasswordIn(folder, "admin", CHEAP)]) {
      const error = await open().then(
        () => expect.fail("it opened"),
        (refusal: StartError) => refusal,
      );
      expect(error).toBeInstanceOf(StartError);
      expect(error.code).toBe("database");
      expect(`${error.message}. ${error.next}`).toMatch(words);
    }
  });

  it("tells when it was restored without the keys that its devices know", async () => {
    const folder = join(scratch, "orphans");
    await (await openConsole(options(folder))).close();
    const database = new DatabaseSync(join(folder, "console.sqlite"));
    database.exec("INSERT INTO enrolment (device, secret, generation) VALUES ('vcpe4k2m9x0qzt1b', x'00', 1)");
    database.close();
    lines.length = 0;
    await (await openConsole(options(folder))).close();
    expect(JSON.stringify(lines)).not.toContain("a new CA");
    rmSync(join(folder, "ca"), { recursive: true });
    await (await openConsole(options(folder))).close();
    expect(JSON.stringify(lines)).toMatch(/a new CA.*put ca\/ back/);
  });

  it("knows what it is called", () => {
    expect(namesOf(["c.example"], "192.0.2.1")).toEqual(["c.example", "localhost", "192.0.2.1"]);
    expect(namesOf([], "0.0.0.0")).toContain("127.0.0.1");
    expect(namesOf(["bad name", "-x"], "::1")).toEqual(["localhost", "::1"]);
  });
});

/** Overwrites all pages but the first two. */
function damage(file: string): void {
  const descriptor = openSync(file, "r+");
  const { size } = statSync(file);
  writeSync(descriptor, randomBytes(size - 8192), 0, size - 8192, 8192);
  closeSync(descriptor);
}
