/** What the record says of failed logins, and how much of it there may be. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditEntry } from "../../../../src/console/auth/audit.ts";
import { FailedLogins } from "../../../../src/console/auth/failures.ts";
import { freshSite, site } from "./fresh.ts";
import { ask, openSite } from "./site.ts";

const MINUTE = 60_000;

describe("a failed login", () => {
  freshSite();

  const attempt = (user: string, remoteAddress: string, app = site.app) =>
    ask(app, "POST", "/v1/login", { payload: { user, password: "also wrong" }, remoteAddress });
  const written = (entries: readonly AuditEntry[]) => entries.filter(({ action }) => action === "login-failed");

  it("is written down, but not what was typed for a name", async () => {
    await attempt("correct horse battery", "192.0.2.1");
    await attempt("admin", "192.0.2.1");
    const author = { address: "192.0.2.1" };
    await vi.waitFor(() =>
      expect(written(site.entries)).toMatchObject([
        { outcome: "refused", stranger: true, detail: {}, author: { ...author, user: "unknown" } },
        { outcome: "refused", stranger: true, detail: {}, author: { ...author, user: "admin" } },
      ]),
    );
    expect(JSON.stringify(site.entries)).not.toMatch(/horse|wrong/);
  });

  it("is one entry of a user and address in a minute; the others are counted, at the latest when the console ends", async () => {
    const { app, entries } = await openSite();
    for (let i = 0; i < 4; i++) expect((await attempt("admin", "192.0.2.1", app)).status).toBe(401);
    await attempt("admin", "192.0.2.2", app);
    await app.close();
    expect(written(entries).map(({ subject, author, detail }) => [subject, author.address, detail])).toEqual([
      ["user admin", "192.0.2.1", {}],
      ["user admin", "192.0.2.2", {}],
      ["user admin", "192.0.2.1", { count: 3, from: "192.0.2.1" }],
    ]);
  });
});

describe("many failed logins", () => {
  let entries: AuditEntry[];
  let full: boolean;
  let faults: unknown[];
  let failures: FailedLogins;
  beforeEach(() => {
    vi.useFakeTimers();
    [entries, full, faults] = [[], false, []];
    const audit = (entry: AuditEntry) => {
      if (full) throw new Error("the disk is full");
      entries.push(entry);
    };
    failures = new FailedLogins(audit, (error) => faults.push(error));
  });
  afterEach(() => void vi.useRealTimers());

  const fail = (user: string, address: string) => failures.add({ user, role: "viewer", via: "session", address });
  const address = (i: number) => `10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`;
  const shown = () => entries.splice(0).map(({ subject, detail }) => `${subject} ${JSON.stringify(detail)}`);
  const total = () => entries.reduce((sum, { detail }) => sum + Number(detail.count ?? 1), 0);

  it("are counted when the minute ends", () => {
    for (let i = 0; i < 30; i++) fail("olga", "192.0.2.1");
    vi.advanceTimersByTime(1000);
    expect(shown()).toEqual(["user olga {}"]);
    vi.advanceTimersByTime(MINUTE);
    expect(shown()).toEqual(['user olga {"count":29,"from":"192.0.2.1"}']);
  });

  it("from many addresses are told of a user together, and bury nothing of others", () => {
    for (let i = 0; i < 20_000; i++) fail("unknown", address(i));
    fail("olga", "192.0.2.1");
    vi.advanceTimersByTime(1000);
    const first = shown();
    expect(first).toHaveLength(11);
    expect(first.at(-1)).toBe("user olga {}");
    vi.advanceTimersByTime(6 * MINUTE);
    expect(shown()).toEqual([
      `user unknown {"count":19990,"from":"10.0.0.10,10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14,…"}`,
    ]);
  });

  it("make no more than 3,000 entries in a day, whatever users and addresses there are, and none is lost", () => {
    let tries = 0;
    for (let second = 0; second < 86_400; second += 10) {
      for (let i = 0; i < 5; i++) fail(`user${tries % 500}`, address(tries++));
      vi.advanceTimersByTime(10_000);
    }
    expect(entries.length).toBeLessThanOrEqual(3000);
    expect(entries.at(-1)).toMatchObject({
      author: { user: "unknown" },
      subject: expect.stringMatching(/^users user\d+,/),
    });
    failures.flush();
    expect(total()).toBe(tries);
  });

  it("wait for a disk that takes nothing", () => {
    full = true;
    fail("olga", "192.0.2.1");
    vi.advanceTimersByTime(MINUTE);
    expect(entries).toEqual([]);
    expect(faults.length).toBeGreaterThan(1);
    full = false;
    vi.advanceTimersByTime(MINUTE);
    expect(shown()).toEqual(["user olga {}"]);
    vi.advanceTimersByTime(10 * MINUTE);
    expect(vi.getTimerCount()).toBe(0);
  });
});
