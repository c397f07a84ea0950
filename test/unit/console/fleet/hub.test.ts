import { X509Certificate } from "node:crypto";
import { connect as connectTls } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { makeRequest } from "../../../../src/agent/request.ts";
import { EMPTY_ROOT } from "../../../../src/agent/signed.ts";
import { makeRoot } from "../../../../src/console/ca/issue.ts";
import { makeKey } from "../../../../src/console/ca/keypair.ts";
import { deviceName } from "../../../../src/protocol/name.ts";
import { leafOf, signedText } from "../../../../src/protocol/statement.ts";
import type { CertificateFrame, ConfigFrame } from "../../../../src/protocol/stream.ts";
import { treeOf } from "../../../../src/protocol/tree.ts";
import { bed, until } from "./bed.ts";
import { type Client, certificate, connect, device, HELLO, SERIAL, sockets } from "./client.ts";

const OTHER = "vcpe0123456789cd";
const APPLIED = (version: number, error: object | null = null) => ({ type: "applied", version, error });

const config = (client: Client, at: number) => client.frames[at] as ConfigFrame;

describe("the hub", () => {
  it("sends all to who has nothing, nothing to who has it, and later only what changes, only to whom it concerns", async () => {
    const console = await bed();
    console.desk.set([SERIAL, { head: { a: 1 }, "tunnel/x": { b: 1 } }], [OTHER, { head: { c: 1 } }]);
    const one = await device(console);
    const two = await device(console, OTHER);
    one.send(HELLO);
    two.send(HELLO);
    await until(() => one.frames.length === 1 && two.frames.length === 1);
    expect(config(one, 0)).toMatchObject({ base: 0, put: { head: { a: 1 }, "tunnel/x": { b: 1 } }, remove: [] });
    one.send(APPLIED(1));
    two.send(APPLIED(1));
    await until(() => console.fleet.observed(OTHER)?.applied === 1 && console.fleet.observed(SERIAL)?.applied === 1);
    console.desk.device("vcpezzz", 1);
    console.desk.set([SERIAL, { "tunnel/x": undefined, "tunnel/y": { d: 1 } }]);
    await until(() => one.frames.length === 2);
    expect(config(one, 1)).toMatchObject({ base: 1, put: { "tunnel/y": { d: 1 } }, remove: ["tunnel/x"] });
    expect(config(one, 1).statement).toMatchObject({ router: SERIAL, version: console.desk.revision });
    expect(console.fleet.observed(SERIAL)?.sync).toBe("synchronizing");
    one.send(APPLIED(console.desk.revision));
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");

    const again = await connect(console, await certificate(console, SERIAL));
    again.send({ ...HELLO, have: console.desk.revision, root: config(one, 1).statement.root });
    await until(() => one.closed.code === 4001);
    await until(() => console.desk.events.some(({ code }) => code === "DeviceReplaced"));
    await until(() => console.fleet.observed(SERIAL)?.sync === "synchronized");
    // Same number, other parts (the console's database was put back from a backup): all of it.
    const strange = await connect(console, await certificate(console, SERIAL));
    strange.send({ ...HELLO, have: console.desk.revision });
    await until(() => strange.frames.length === 1);
    expect(config(strange, 0).base).toBe(0);
    // Same parts, another number: only the new statement.
    const renamed = await connect(console, await certificate(console, SERIAL));
    renamed.send({ ...HELLO, have: 1, root: config(one, 1).statement.root });
    await until(() => renamed.frames.length === 1);
    expect(config(renamed, 0)).toMatchObject({ base: 1, put: {}, remove: [] });
    expect(again.frames.length + two.frames.length).toBe(1);
  });

  it("has one configuration in flight; what a slow agent missed comes as one, from what it acknowledged", async () => {
    const console = await bed();
    console.desk.set([SERIAL, { head: { a: 1 } }]);
    const one = await device(console);
    one.send(HELLO);
    await until(() => one.frames.length === 1);
    for (let i = 0; i < 20; i++) console.desk.set([SERIAL, { [`tunnel/${i % 3}`]: { i } }]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(one.frames.length).toBe(1);
    one.send(APPLIED(config(one, 0).statement.version));
    await until(() => one.frames.length === 2);
    expect(config(one, 1).put).toEqual({ "tunnel/0": { i: 18 }, "tunnel/1": { i: 19 }, "tunnel/2": { i: 17 } });
  });

  it("tells that one is at it when it has not answered for a while, and of who answers at once only that it is done", async () => {
    const console = await bed();
    const syncs: string[] = [];
    console.fleet.onObserved((id, { sync }) => void (id === SERIAL && syncs.push(sync)));
    console.desk.set([SERIAL, { head: { a: 1 } }]);
    const one = await device(console);
    one.send(HELLO);
    await until(() => one.frames.length === 1);
    one.send(APPLIED(1));
    await until(() => syncs.includes("synchronized"));
    syncs.length = 0;
    console.desk.set([SERIAL, { head: { a: 2 } }]);
    await until(() => one.frames.length === 2);
    one.send(APPLIED(console.desk.revision));
    await until(() => syncs.includes("synchronized"));
    expect(new Set(syncs)).toEqual(new Set(["synchronized"]));
    syncs.length = 0;
    console.desk.set([SERIAL, { head: { a: 3 } }]);
    await until(() => syncs.includes("synchronizing"));
    expect(syncs).toEqual(["synchronizing"]);
    one.send(APPLIED(console.desk.revision));
    await until(() => syncs.includes("synchronized"));
  });

  it("believes who shows what the console has signed that it was restored from a backup, and nobody else", async () => {
    const console = await bed();
    console.desk.set([SERIAL, { head: { a: 1 } }], [OTHER, { head: { c: 1 } }]);
    const known = console.desk.versionOf(SERIAL);
    const statement = { router: SERIAL, version: 70, root: EMPTY_ROOT, at: "2026-01-01T00:00:00.000Z" };
    const shown = async (about: object, key = console.authority) => {
      const now = { ...statement, ...about };
      const { size, root } = treeOf([leafOf(now)]);
      const signature = (await key.signSoon(signedText(size, root))).toString("base64");
      return { statement: now, proof: { index: 0, size, path: [], signature } };
    };
    const elsewhere = await bed();
    const lies = [
      undefined,
      await shown({ router: OTHER }),
      await shown({}, elsewhere.authority),
      { ...(await shown({})), statement: { ...statement, version: 71 } },
      { statement, proof: { ...(await shown({})).proof, signature: "" } },
      { statement, proof: { ...(await shown({})).proof, index: 1 } },
      // More than it can prove, and more than can be counted.
      await shown({ version: 69 }),
      await shown({ version: Number.MAX_SAFE_INTEGER }),
    ];
    for (const newest of lies) {
      const have = newest?.statement.version === Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : 70;
      const liar = await device(console);
      liar.send({ ...HELLO, have, newest });
      await until(() => liar.frames.length === 1);
      expect(config(liar, 0).statement.version).toBe(known);
    }
    expect(console.desk.versionOf(SERIAL)).toBe(known);
    expect(console.desk.revision).toBeLessThan(10);
    const unknown = console.desk.events.filter(({ code }) => code === "ConfigurationUnknown");
    expect(unknown).toHaveLength(lies.length);
    expect(unknown[0]).toMatchObject({ level: "WARN", subject: { kind: "device", id: SERIAL } });

    const honest = await device(console);
    // It runs nothing, as its router did not start; what counts is what it has kept.
    honest.send({ ...HELLO, newest: await shown({}) });
    await until(() => honest.frames.length === 1);
    expect(config(honest, 0)).toMatchObject({ base: 0, statement: { version: 71 } });
    const other = await device(console, OTHER);
    other.send({ ...HELLO, have: 65, newest: await shown({ router: OTHER, version: 65 }) });
    await until(() => other.frames.length === 1);
    expect(config(other, 0).statement.version).toBeGreaterThan(65);
    const restored = console.desk.events.filter(({ code }) => code === "RestoredFromBackup");
    expect(restored).toMatchObject([{ level: "WARN" }]);
  });

  it("lets in nobody without a certificate of this console, of this generation, of now", async () => {
    const console = await bed();
    console.desk.device(SERIAL, 2);
    expect((await connect(console, {})).refused).toEqual({ status: 401, code: "no-certificate" });
    const older = await certificate(console, SERIAL, 1);
    expect((await connect(console, older)).refused).toEqual({ status: 403, code: "superseded" });
    const unknown = await certificate(console, OTHER);
    expect((await connect(console, unknown)).refused).toEqual({ status: 403, code: "unknown-device" });
    const elsewhere = await bed();
    const foreign = await certificate(elsewhere, SERIAL, 2);
    expect((await connect(console, foreign)).refused).toEqual({ status: 403, code: "foreign" });
    const key = await makeKey("Ed25519");
    const self = (await makeRoot(deviceName(SERIAL, 2), key, Date.now())).toString("pem");
    expect((await connect(console, { cert: self, key: key.pem })).refused?.code).toBe("foreign");
    const good = await certificate(console, SERIAL, 2);
    console.ahead = 31 * 86_400_000;
    expect((await connect(console, good)).refused).toEqual({ status: 403, code: "expired" });
    console.ahead = 0;
    expect((await connect(console, good, "/v1/other")).refused?.status).toBe(404);
    expect((await connect(console, good)).open).toBe(true);
  });

  it("keeps no connection of who was turned away and does not go", async () => {
    const console = await bed();
    const { port } = console.app.server.address() as { port: number };
    const socket = connectTls({ port, host: "127.0.0.1", ca: console.authority.root, allowHalfOpen: true } as object);
    const ended = new Promise((resolve) => socket.once("end", resolve));
    let said = "";
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      said += data;
    });
    socket.write(
      "GET /v1/agent HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await ended;
    expect(said).toContain('"code":"no-certificate"');
    const left = () => new Promise<number>((resolve) => console.app.server.getConnections((_, n) => resolve(n)));
    await vi.waitFor(async () => expect(await left()).toBe(0), { timeout: 5000, interval: 50 });
    socket.destroy();
  });

  it.each([
    ["no JSON", "{"],
    ["no frame", { type: "constructor" }],
    ["a report before hello", { type: "report", first: true, tunnels: [], gone: [], attachments: [], drops: {} }],
    ["negative counters", { ...HELLO, have: -1 }],
  ])("ends a connection on which comes %s", async (_what, frame) => {
    const console = await bed();
    const one = await device(console);
    one.send(frame);
    await until(() => one.closed.code === 4003);
  });

  it("ends one that acknowledges what was never sent, one that says too much, and one whose frames are too long", async () => {
    const console = await bed();
    console.desk.set([SERIAL, { head: {} }]);
    const liar = await device(console);
    liar.send(HELLO);
    liar.send(APPLIED(9));
    await until(() => liar.closed.code === 4003);
    const babbler = await device(console);
    babbler.send(HELLO);
    for (let i = 0; i < 300; i++)
      babbler.send({ type: "report", first: false, tunnels: [], gone: [], attachments: [], drops: {} });
    await until(() => babbler.closed.code === 4003);
    const long = await device(console);
    long.send({ ...HELLO, hostname: "x".repeat(1024 * 1024) });
    await until(() => long.closed.code !== undefined);
  });

  it("ends nobody for a clock that is set back", async () => {
    const console = await bed();
    const one = await device(console);
    one.send(HELLO);
    await until(() => console.fleet.observed(SERIAL)?.controller === "normal");
    console.ahead = -3_600_000;
    const empty = { type: "report", first: false, tunnels: [], gone: [], attachments: [] };
    for (let i = 1; i <= 3; i++) {
      one.send({ ...empty, drops: { odd: i } });
      await until(() => one.closed.code !== undefined || console.fleet.observed(SERIAL)?.drops?.odd === i);
    }
    expect(one.closed.code).toBeUndefined();
  });

  it("keeps no more than a few configurations for one that acknowledges without reading", async () => {
    const console = await bed();
    console.desk.set([SERIAL, { head: { text: "x".repeat(4_000_000) } }]);
    const version = console.desk.versionOf(SERIAL);
    const { cert, key } = await certificate(console, SERIAL);
    console.desk.device(SERIAL, 1);
    const url = `${console.url.origin.replace("https", "wss")}/v1/agent`;
    const socket = new WebSocket(url, { cert, key, ca: console.authority.root });
    sockets.push(socket);
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("open", resolve));
    socket.pause();
    const seen = () => console.fleet.observed(SERIAL);
    const here = () => seen()?.controller === "normal";
    socket.send(JSON.stringify(HELLO));
    await until(here);
    for (let i = 0; i < 40 && here(); i++) {
      await until(() => seen()?.sync === "synchronizing" || !here());
      socket.send(JSON.stringify(APPLIED(version)));
      await until(() => seen()?.sync === "synchronized" || !here());
      socket.send(JSON.stringify(HELLO));
    }
    expect(here()).toBe(false);
  });

  it("renews a certificate over the stream, once, for the device's own name", async () => {
    const console = await bed();
    const one = await device(console);
    one.send(HELLO);
    const { csr } = await makeRequest("somebody-else");
    one.send({ type: "renew", csr });
    one.send({ type: "renew", csr });
    await until(() => one.frames.length === 1);
    const { chain, trust } = one.frames[0] as CertificateFrame;
    expect(new X509Certificate(chain[0]).subjectAltName).toBe(`DNS:${SERIAL}-1.device.vcpe`);
    expect(trust).toEqual([console.authority.deviceRoot]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(one.frames.length).toBe(1);
  });
});
