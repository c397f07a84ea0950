/** What an agent makes of a console whose certificate it does not trust, and of those who pretend to be it. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folderOf } from "../../../src/agent/folder.ts";
import { type Identity, saveIdentity } from "../../../src/agent/identity.ts";
import { makeRequest } from "../../../src/agent/request.ts";
import { Roots } from "../../../src/agent/roots.ts";
import { type Authority, openAuthority } from "../../../src/console/ca/ca.ts";
import { type RootsStatement, rootsText, type SignedRoots } from "../../../src/protocol/roots.ts";
import { temporary } from "../console/fleet/bed.ts";
import { silent } from "../router/silent.ts";

const SERIAL = "vcpe0123456789ab";
const SOME = "N".repeat(43);

let ours: Authority;
let other: Authority;
let server: Server;
/** What the one that answers says to this nonce. */
let answer: (nonce: string) => Promise<unknown>;
let status = 200;
let asked: { request: IncomingMessage; body: string; certificate: boolean }[] = [];
let folder: Folder;
let identity: Identity;

beforeAll(async () => {
  ours = await openAuthority(join(temporary(), "ca"));
  other = await openAuthority(join(temporary(), "ca"));
  const own = await other.serverCertificate(["localhost", "127.0.0.1"]);
  server = createServer({ ...own, requestCert: true, rejectUnauthorized: false }, async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const certificate = (request.socket as TLSSocket).getPeerX509Certificate() !== undefined;
    asked.push({ request, body, certificate });
    const said = await answer((JSON.parse(body) as { nonce: string }).nonce);
    response.writeHead(status, { location: "/elsewhere" }).end(typeof said === "string" ? said : JSON.stringify(said));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => void server.close());

beforeEach(async () => {
  [asked, status] = [[], 200];
  folder = folderOf(SERIAL, temporary());
  const { csr, key } = await makeRequest(SERIAL);
  const { chain } = await ours.issueDevice(csr, `${SERIAL}-1.device.vcpe`);
  identity = {
    console: `https://localhost:${(server.address() as AddressInfo).port}`,
    router: SERIAL,
    key,
    chain,
    trust: [ours.deviceRoot],
    server: [ours.root],
    rootsNumber: 100,
    configKey: ours.configKey,
  };
  saveIdentity(folder, identity);
});

async function signed(statement: RootsStatement, nonce: string | null, by: Authority = ours): Promise<SignedRoots> {
  return { statement, nonce, signature: (await by.signSoon(rootsText(statement, nonce))).toString("base64") };
}
const file = () => join(folder.path, "roots.json");
const roots = () => new Roots({ folder, log: silent });

/** All that the agent has is as it was. */
async function staysAsItWas(words: RegExp): Promise<void> {
  const one = roots();
  const files = () => readdirSync(folder.path).map((name) => [name, readFileSync(join(folder.path, name), "utf8")]);
  const before = [files(), one.present(identity), one.number(identity)];
  expect(await one.ask(identity)).toMatch(words);
  expect([files(), one.present(identity), one.number(identity)]).toEqual(before);
}

describe("the roots of the console", () => {
  it("are asked for without a certificate and anything secret, taken with its signature, and kept for the next start", async () => {
    answer = (nonce) => signed({ number: 101, roots: [other.root] }, nonce);
    const one = roots();
    expect(one.present(identity).server).toEqual([ours.root]);
    expect(await one.ask(identity)).toBeUndefined();
    expect(asked).toHaveLength(1);
    expect(asked[0].certificate).toBe(false);
    expect(asked[0].request).toMatchObject({ method: "POST", url: "/v1/roots" });
    expect(Object.keys(asked[0].request.headers).sort()).toEqual([
      "connection",
      "content-length",
      "content-type",
      "host",
    ]);
    expect(JSON.parse(asked[0].body)).toEqual({ nonce: expect.stringMatching(/^[\w-]{43}$/) });
    for (const now of [one, roots()]) {
      expect(now.present(identity)).toEqual({ ...identity, server: [other.root] });
      expect(now.number(identity)).toBe(101);
    }
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path).sort()).toEqual(["identity.json", "roots.json"]);

    answer = (nonce) => signed({ number: 102, roots: null }, nonce);
    expect(await one.ask(identity)).toBeUndefined();
    expect(roots().present(identity).server).toBeNull();
    const nonces = asked.map(({ body }) => body);
    expect(new Set(nonces).size).toBe(2);
  });

  it("are not taken from anybody else, nor from before, nor in any other form", async () => {
    const next = { number: 101, roots: [other.root] };
    const forged = async (nonce: string) => ({ ...(await signed(next, nonce)), statement: { ...next, number: 999 } });
    const cases: [typeof answer, RegExp][] = [
      // Another console's, as good as it is.
      [(nonce) => signed(next, nonce, other), /is not the console.*join again/],
      [forged, /is not the console/],
      // What the console has said to somebody else, or on its stream.
      [() => signed(next, SOME), /is not the console/],
      [() => signed(next, null), /is not the console/],
      [async (nonce) => ({ ...(await signed(next, SOME)), nonce }), /is not the console/],
      // As old as what it joined with, or older.
      [(nonce) => signed({ ...next, number: 100 }, nonce), /no other roots/],
      [(nonce) => signed({ ...next, number: 99 }, nonce), /no other roots/],
      [(nonce) => signed({ number: 101, roots: ["-----BEGIN CERTIFICATE-----\nno\n"] }, nonce), /cannot be read/],
      [(nonce) => signed({ number: 101, roots: [] }, nonce), /did not answer as a console/],
      [
        (nonce) => signed({ number: 101, roots: [other.root, other.root, other.root, other.root, other.root] }, nonce),
        /did not/,
      ],
      [async () => ({}), /did not answer as a console/],
      [async () => null, /did not answer as a console/],
      [async () => "<html>", /gave no answer/],
      // Larger than any good one, though what it holds is good.
      [async (nonce) => JSON.stringify(await signed(next, nonce)).padEnd(129 * 1024), /gave no answer/],
    ];
    for (const [one, words] of cases) {
      answer = one;
      await staysAsItWas(words);
    }
    answer = (nonce) => signed(next, nonce);
    for (const code of [404, 302, 500]) {
      status = code;
      await staysAsItWas(new RegExp(`does not say which.*${code}`));
    }
    expect(asked.every(({ request }) => request.url === "/v1/roots")).toBe(true);
    status = 200;
    expect(await roots().ask(identity)).toBeUndefined();
    // From here on 101 is old, too.
    await staysAsItWas(/no other roots/);
  });

  it("are told on the stream without being asked for, by the same rules", async () => {
    const one = roots();
    one.told(await signed({ number: 100, roots: [other.root] }, null), identity);
    one.told(await signed({ number: 101, roots: [other.root] }, SOME), identity);
    one.told(await signed({ number: 101, roots: [other.root] }, null, other), identity);
    expect(one.present(identity)).toEqual(identity);
    one.told(await signed({ number: 101, roots: [other.root] }, null), identity);
    expect(roots().present(identity).server).toEqual([other.root]);
  });

  it("on the disk count only as the console has signed them, and for the console that was joined last", async () => {
    answer = (nonce) => signed({ number: 101, roots: [other.root] }, nonce);
    await roots().ask(identity);
    const text = readFileSync(file(), "utf8");
    for (const damaged of [text.replace("101", "102"), text.slice(0, 100), "{}", ""]) {
      writeFileSync(file(), damaged);
      expect(roots().present(identity)).toEqual(identity);
    }
    writeFileSync(file(), text);
    expect(roots().present({ ...identity, configKey: other.configKey }).server).toEqual([ours.root]);
    expect(roots().present({ ...identity, rootsNumber: 101 }).server).toEqual([ours.root]);
    expect(roots().present({ ...identity, rootsNumber: undefined }).server).toEqual([other.root]);
    folder.forgetRoots();
    expect(roots().number(identity)).toBe(100);
  });

  it("count until a restart where the disk does not take them", async () => {
    answer = (nonce) => signed({ number: 101, roots: [other.root] }, nonce);
    const one = roots();
    rmSync(folder.path, { recursive: true });
    expect(await one.ask(identity)).toBeUndefined();
    expect(one.present(identity).server).toEqual([other.root]);
    expect(roots().present(identity)).toEqual(identity);
  });
});
