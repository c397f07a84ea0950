/** What the console says of the roots of its HTTPS certificate: how it is numbered, and who is told. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Authority, openAuthority } from "../../../../src/console/ca/ca.ts";
import type { Line } from "../../../../src/console/fleet/line.ts";
import { FLEET_MIGRATIONS } from "../../../../src/console/fleet/migrations.ts";
import { RootsDesk } from "../../../../src/console/fleet/roots.ts";
import { openDatabase } from "../../../../src/console/store/database.ts";
import { rootsStand, type SignedRoots } from "../../../../src/protocol/roots.ts";
import type { HelloFrame, RootsFrame } from "../../../../src/protocol/stream.ts";
import { silent } from "../../router/silent.ts";
import { bed, temporary, until } from "./bed.ts";

let authority: Authority;
beforeAll(async () => {
  authority = await openAuthority(join(temporary(), "ca"));
});
const closers: (() => void)[] = [];
afterAll(() => {
  for (const close of closers) close();
});

function started(path: string, now: number, roots: readonly string[] | null): RootsDesk {
  const database = openDatabase(path, FLEET_MIGRATIONS);
  closers.push(() => database.close());
  return new RootsDesk({ database, authority, log: silent, now: () => now }, roots);
}

function fakeLine() {
  const told: RootsFrame[] = [];
  const line = { sendText: (text: string) => void told.push(JSON.parse(text)) } as unknown as Line;
  return { line, told };
}
const hello = (roots?: number) => ({ type: "hello", ...(roots !== undefined && { roots }) }) as HelloFrame;

describe("what the console says of its roots", () => {
  it("has a higher number with each change and each start, also when the clock goes back or the database is an older one", async () => {
    const path = join(temporary(), "console.db");
    const first = started(path, 5000, [authority.root]);
    expect(first.statement).toEqual({ number: 5000, roots: [authority.root] });
    await first.change(null);
    expect(first.statement).toEqual({ number: 5001, roots: null });
    await first.change(null);
    expect(first.statement.number).toBe(5001);
    expect(started(path, 10, null).statement.number).toBe(5002);
    expect(started(join(temporary(), "backup.db"), 9000, null).statement.number).toBe(9000);
  });

  it("goes to those that are connected, understand it and have not heard it; and nobody hears of it afterwards", async () => {
    const desk = started(join(temporary(), "console.db"), 5000, [authority.root]);
    const [fresh, knows, old, gone] = [fakeLine(), fakeLine(), fakeLine(), fakeLine()];
    desk.greet(fresh.line, hello(0));
    desk.greet(knows.line, hello(5000));
    desk.greet(old.line, hello());
    desk.greet(gone.line, hello(0));
    desk.leave(gone.line);
    await until(() => fresh.told.length === 1);
    expect(rootsStand(fresh.told[0].signed, authority.configKey)).toBe(true);
    expect(fresh.told[0].signed).toMatchObject({ nonce: null, statement: { number: 5000, roots: [authority.root] } });
    await desk.change(null);
    expect(knows.told.map(({ signed }) => signed.statement)).toEqual([{ number: 5001, roots: null }]);
    expect(fresh.told).toHaveLength(2);
    expect([old.told, gone.told]).toEqual([[], []]);
  });

  it("is signed for whoever asks with a nonce, and nothing else is", async () => {
    const console = await bed();
    const ask = (payload: object) => console.app.inject({ method: "POST", url: "/v1/roots", payload });
    const nonce = "a".repeat(43);
    const reply = await ask({ nonce });
    expect(reply.headers["cache-control"]).toBe("no-store");
    const signed = reply.json<SignedRoots>();
    expect(signed).toMatchObject({ nonce, statement: { roots: [console.authority.root] } });
    expect(rootsStand(signed, console.authority.configKey)).toBe(true);
    for (const bad of [{}, { nonce: null }, { nonce: "a" }, { nonce: `${nonce}\n` }]) {
      const refused = await ask(bad);
      expect([bad, refused.statusCode, refused.json().code]).toEqual([bad, 400, "malformed"]);
    }
  });
});
