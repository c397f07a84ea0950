/** What devices, users, peers and consoles wrote does not reach the terminal raw, whichever command shows it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { apply } from "../../../src/cli/apply.ts";
import { writeCredentials } from "../../../src/cli/client/credentials.ts";
import { complain } from "../../../src/cli/complain.ts";
import { reload } from "../../../src/cli/control.ts";
import { get } from "../../../src/cli/get.ts";
import { listTokens, listUsers, whoami } from "../../../src/cli/people.ts";
import { ready } from "../../../src/cli/ready.ts";
import { showStatus } from "../../../src/cli/status.ts";
import { audit, events, routes } from "../../../src/cli/watch.ts";
import { update } from "../../../src/cli/write.ts";
import { StatusError } from "../../../src/router/status/client.ts";
import { type FakeTerminal, fakeTerminal } from "./client/terminal.ts";
import { STATUS } from "./routerstatus.ts";

const BAD = "x\x1b[2J\x1b[1mx\r\nforged\x07\x7f\x9b2J\u202egpj\u2066\u2028";
const RAW = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const NOW = "2026-01-01T00:00:00.000Z";

const status = vi.hoisted(() => ({ reply: undefined as unknown }));
vi.mock(import("../../../src/router/status/client.ts"), async (original) => ({
  ...(await original()),
  living: async () => ["r"],
  chooseRouter: async () => "r",
  ask: (async () => status.reply) as never,
}));

const base = { id: BAD, name: BAD, version: 1, created: NOW, updated: NOW, description: BAD, role: BAD, area: BAD };
const item = {
  ...base,
  kind: "device",
  key: BAD,
  instance: BAD,
  status: { controller: BAD, vpn: BAD, sync: BAD, version: BAD, lastSeen: NOW, error: { code: BAD, message: BAD } },
};
const link = { link: BAD, ok: false, code: BAD, message: BAD, next: BAD };
const event = { id: 1, at: BAD, level: BAD, code: BAD, message: BAD, subject: { kind: BAD, name: "y" } };
const change = { kind: BAD, name: BAD };
const LISTS: Readonly<Record<string, object>> = {
  "/v1/events": event,
  "/v1/audit": { at: BAD, user: BAD, role: BAD, via: BAD, address: BAD, action: BAD, changes: [change] },
  "/v1/routes": {
    component: BAD,
    prefix: BAD,
    origin: change,
    published: true,
    conflicts: [{ ...change, prefix: BAD }],
  },
  "/v1/users": { name: BAD, role: BAD, disabled: false, mustChange: false, lastLogin: BAD },
  "/v1/tokens": { id: BAD, user: BAD, name: BAD, role: BAD, expires: BAD, used: BAD },
};

const server = createServer(({ method, url = "" }, response) => {
  const { pathname } = new URL(url, "http://x");
  const send = (code: number, body: object) =>
    response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (method !== "GET")
    send(422, { code: "x", message: BAD, next: BAD, path: BAD, violations: [link, { ...link, path: BAD }] });
  else if (pathname === "/v1/events/stream")
    response
      .writeHead(200, { "content-type": "text/event-stream" })
      .end(`event: event\ndata: ${JSON.stringify({ ...event, id: 2 })}\n\n`);
  else if (pathname.endsWith("/ready")) send(200, { ready: false, links: [link, link] });
  else if (pathname === "/v1/whoami") send(200, { user: BAD, role: BAD, via: BAD });
  else if (pathname.split("/").length > 3) send(200, item);
  else send(200, { items: [LISTS[pathname] ?? item, LISTS[pathname] ?? item], next: null });
});
const folder = mkdtempSync(join(tmpdir(), "vcpe-hostile-"));
const file = join(folder, "c.json");
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeCredentials(file, { url, ca: null, user: "a", id: "t", token: "vcpe_x", expires: null });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => void vi.restoreAllMocks());

/** Follows until so many lines are shown. */
async function followed(terminal: FakeTerminal, lines: number): Promise<void> {
  const ending = new AbortController();
  const look = setInterval(() => {
    if (terminal.written.out.split("\n").length > lines) ending.abort();
  }, 20);
  await events(terminal, { follow: true, limit: "10" }, ending.signal).finally(() => clearInterval(look));
}

type Command = (terminal: FakeTerminal, json: boolean) => Promise<unknown>;
const COMMANDS: readonly (readonly [string, number, Command])[] = [
  ["get instances", 3, (terminal, json) => get(terminal, "instances", undefined, { json })],
  ["get devices", 3, (terminal, json) => get(terminal, "devices", undefined, { json })],
  ["get security-groups", 3, (terminal, json) => get(terminal, "security-groups", undefined, { json })],
  ["get device", 18, (terminal, json) => get(terminal, "device", "x", { json })],
  ["events", 1, (terminal, json) => events(terminal, { limit: "10", json }, new AbortController().signal)],
  ["events --follow", 2, (terminal) => followed(terminal, 2)],
  ["audit", 3, (terminal, json) => audit(terminal, { limit: "10", json })],
  ["routes", 3, (terminal, json) => routes(terminal, { json })],
  ["ready", 4, (terminal, json) => ready(terminal, "x", { timeout: "1s", json })],
  ["users", 3, (terminal, json) => listUsers(terminal, { json })],
  ["tokens", 3, (terminal, json) => listTokens(terminal, { json })],
  ["whoami", 1, (terminal, json) => whoami(terminal, { json })],
];

describe("a terminal", () => {
  it.each(COMMANDS)("is shown what others wrote, and nothing else: %s", async (_, lines, command) => {
    const terminal = fakeTerminal({ VCPE_CREDENTIALS: file });
    await command(terminal, false);
    await new Promise((resolve) => setImmediate(resolve));
    const written = terminal.written.out.trimEnd().split("\n");
    expect(written).toHaveLength(lines);
    for (const line of written) expect(line).not.toMatch(RAW);
    expect(terminal.written.out).toContain("\\u001b[2J");
  });

  it.each(COMMANDS.filter(([name]) => name !== "events --follow"))(
    "has the same as JSON: %s",
    async (_, __, command) => {
      const terminal = fakeTerminal({ VCPE_CREDENTIALS: file });
      await command(terminal, true);
      await new Promise((resolve) => setImmediate(resolve));
      for (const line of terminal.written.out.split("\n")) expect(line).not.toMatch(RAW);
      expect(JSON.stringify(JSON.parse(terminal.written.out))).toContain(JSON.stringify(BAD));
    },
  );

  it("has a bold heading of ours, which no name can make", async () => {
    const terminal = fakeTerminal({ VCPE_CREDENTIALS: file }, true);
    delete (terminal.env as { NO_COLOR?: string }).NO_COLOR;
    await get(terminal, "areas", undefined, {});
    await new Promise((resolve) => setImmediate(resolve));
    const [heading, ...rows] = terminal.written.out.trimEnd().split("\n");
    expect([heading.slice(0, 8), heading.slice(-4)]).toEqual(["\x1b[1mNAME", "\x1b[0m"]);
    expect(heading.slice(4, -4)).not.toMatch(RAW);
    for (const row of rows) expect(row).not.toMatch(RAW);
  });

  it("is told why something was refused in lines of ours", async () => {
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const site = join(folder, "site.yaml");
    writeFileSync(site, "areas:\n  - name: east\n");
    const terminal = fakeTerminal({ VCPE_CREDENTIALS: file });
    for (const act of [
      () => update(terminal, ["area", "x", "--description", "y"]),
      () => apply(terminal, { file: site }),
      () => Promise.reject(new StatusError("config-invalid", "no", [BAD, BAD])),
      () =>
        Promise.reject(Object.assign(new Error(`the console said: ${BAD}`), { name: "AgentError", code: "refused" })),
    ])
      await act().catch(complain);
    const text = said.mock.calls.map(([one]) => String(one)).join("");
    expect(text.trimEnd().split("\n")).toHaveLength(3 + 3 + 2 + 1);
    for (const line of text.split("\n")) expect(line).not.toMatch(RAW);
  });
});

describe("vcpe status, reload", () => {
  const heard = () => {
    const said = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    return () => said.mock.calls.map(([one]) => String(one)).join("");
  };
  /** The same with other texts: those that only people read. */
  const hostile = (value: unknown, key = ""): unknown => {
    if (typeof value === "string")
      return /^(name|id|message|reason|via|subject|code|place|device)$/.test(key) ? BAD : value;
    if (Array.isArray(value)) return value.map((one) => hostile(one, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([word, one]) => [word, hostile(one, word)]));
  };

  it.each([false, true])("show what peers call themselves (JSON: %s)", async (json) => {
    status.reply = hostile(STATUS);
    const text = heard();
    await showStatus({ json });
    expect(text()).toContain("\\u001b[2J");
    for (const line of text().split("\n")) expect(line).not.toMatch(RAW);
    if (json) expect(JSON.parse(text())).toEqual(status.reply);
  });

  it("show what was applied", async () => {
    status.reply = { applied: [BAD, BAD], warnings: [BAD] };
    const text = heard();
    await reload({});
    expect(text().trimEnd().split("\n")).toHaveLength(4);
    for (const line of text().split("\n")) expect(line).not.toMatch(RAW);
  });
});
