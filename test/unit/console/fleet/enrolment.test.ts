import { randomBytes, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { post } from "../../../../src/agent/console.ts";
import { enrol } from "../../../../src/agent/join.ts";
import { makeRequest } from "../../../../src/agent/request.ts";
import {
  type BeginReply,
  consoleProof,
  deviceProof,
  enrolmentSecret,
  type FinishReply,
  type FinishRequest,
} from "../../../../src/protocol/enrol.ts";
import { makeDeviceKey, readDeviceKey } from "../../../../src/protocol/key.ts";
import { type Bed, bed, until } from "./bed.ts";

const SERIAL = "vcpe0123456789ab";
const HOST = { fingerprint: "a".repeat(64), name: "host-a", software: "0.1.0" };
const OTHER = { fingerprint: "b".repeat(64), name: "host-b", software: "0.1.0" };
const WRONG = makeDeviceKey(() => new Uint8Array(15));
const quiet = { say: () => undefined };

const bytes = (key: string) => readDeviceKey(key) as Uint8Array;

async function withDevice(): Promise<{ console: Bed; key: string }> {
  const console = await bed();
  console.desk.device(SERIAL, 1);
  return { console, key: console.fleet.newKey(SERIAL) };
}

const join = ({ url }: Bed, key: string, host = HOST, serial = SERIAL) =>
  enrol({ url, serial, key: bytes(key), host, ...quiet });

/** By hand, so that it can be bent. */
async function requestOf(console: Bed, key: string, serial = SERIAL, host = HOST): Promise<FinishRequest> {
  const nonce = randomBytes(32).toString("base64url");
  const { session, nonce: consoleNonce } = (await inject<BeginReply>(console, "begin", { serial, nonce })).body;
  const { csr } = await makeRequest(serial);
  const transcript = { serial, deviceNonce: nonce, consoleNonce, csr, host };
  return { serial, nonce, session, csr, host, proof: deviceProof(enrolmentSecret(serial, bytes(key)), transcript) };
}

async function inject<T>(console: Bed, what: "begin" | "finish", body: object, address = "192.0.2.1") {
  const reply = await console.app.inject({
    method: "POST",
    url: `/v1/enrol/${what}`,
    payload: body,
    remoteAddress: address,
  });
  return { status: reply.statusCode, body: reply.json() as T, retryAfter: reply.headers["retry-after"] };
}

describe("enrolment", () => {
  it("the right key gets a certificate; the same host may come again; the key is stored nowhere", async () => {
    const { console, key } = await withDevice();
    const first = await join(console, key);
    const second = await join(console, key);
    expect(new X509Certificate(second.chain[0]).subjectAltName).toBe(`DNS:${SERIAL}-1.device.vcpe`);
    expect(second.key).not.toBe(first.key);
    expect(first.server).toEqual([console.authority.root]);
    expect(console.fleet.observed(SERIAL)).toMatchObject({ enrolled: true, controller: "abnormal", lastSeen: null });
    await until(() => console.desk.events.length === 2);
    expect(console.desk.events[0]).toMatchObject({ level: "INFO", code: "DeviceEnrolled" });
  });

  it("wrong serial number and wrong key get the same answer, and are locked after five in a minute, for a minute", async () => {
    const { console, key } = await withDevice();
    const answers: unknown[] = [];
    for (const serial of [SERIAL, "vcpenobody000000"]) {
      for (let i = 0; i < 5; i++) {
        answers.push(await inject(console, "finish", await requestOf(console, WRONG, serial)));
      }
      const locked = await inject(console, "begin", { serial, nonce: "A".repeat(43) });
      expect(locked).toMatchObject({ status: 429, body: { code: "locked" } });
      expect(Number(locked.retryAfter)).toBeGreaterThan(50);
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, body: { code: "refused" } });
    await expect(join(console, key)).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("Too many"),
    });
    await until(() => console.desk.events.filter(({ code }) => code === "EnrolmentLocked").length === 2);
    expect(JSON.stringify(console.desk.events)).not.toContain(WRONG);
    console.ahead += 61_000;
    await join(console, key);
  });

  it("takes as long for a serial number that does not exist as for a wrong key", async () => {
    const { console } = await withDevice();
    const took: Record<string, number[]> = { known: [], unknown: [] };
    for (let i = 0; i < 60; i++) {
      // Out of reach of the locks.
      console.ahead += 61_000;
      for (const [what, serial] of Object.entries({ known: SERIAL, unknown: "vcpenobody000000" })) {
        const request = await requestOf(console, WRONG, serial);
        const begun = performance.now();
        await inject(console, "finish", request);
        took[what].push(performance.now() - begun);
      }
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length / 2];
    const ratio = median(took.known) / median(took.unknown);
    // A scrypt, a certificate or a commit on one side only would make it ten.
    expect(ratio).toBeGreaterThan(0.4);
    expect(ratio).toBeLessThan(2.5);
  });

  it("locks an address that tries many serial numbers, its /64 with it, and no other", async () => {
    const { console } = await withDevice();
    for (let i = 0; i < 30; i++) {
      const request = await requestOf(console, WRONG, `vcpe${String(i).padStart(12, "0")}`);
      await inject(console, "finish", request, `2001:db8::${i + 1}`);
    }
    const begin = { serial: SERIAL, nonce: "A".repeat(43) };
    expect((await inject(console, "begin", begin, "2001:db8:0:0:9::1")).status).toBe(429);
    expect((await inject(console, "begin", begin, "2001:db8:0:1::1")).status).toBe(200);
    expect((await inject(console, "begin", begin, "192.0.2.7")).status).toBe(200);
  });

  it("a second host with the right key is refused until an operator releases the device", async () => {
    const { console, key } = await withDevice();
    await join(console, key);
    await expect(join(console, key, OTHER)).rejects.toThrow(/Another host \(host-a\).*release/);
    await until(() => console.desk.events.some(({ code, level }) => code === "SecondHost" && level === "CRITICAL"));
    // A wrong key learns nothing of that.
    await expect(join(console, WRONG, OTHER)).rejects.toThrow("refuses this serial number and key");
    console.fleet.release(SERIAL);
    console.desk.device(SERIAL, 2);
    expect(console.fleet.observed(SERIAL)?.enrolled).toBe(false);
    const identity = await join(console, key, OTHER);
    expect(new X509Certificate(identity.chain[0]).subjectAltName).toBe(`DNS:${SERIAL}-2.device.vcpe`);
    await expect(join(console, key)).rejects.toThrow("Another host (host-b)");
  });

  it("after a reset the older key is worth nothing; of a deleted device any key", async () => {
    const { console, key } = await withDevice();
    await join(console, key);
    const fresh = console.fleet.newKey(SERIAL);
    console.desk.device(SERIAL, 2);
    await expect(join(console, key)).rejects.toMatchObject({ code: "refused" });
    await join(console, fresh, OTHER);
    console.fleet.forget(SERIAL);
    console.desk.device(SERIAL, undefined);
    expect(console.fleet.observed(SERIAL)).toBeUndefined();
    await expect(join(console, fresh)).rejects.toMatchObject({ code: "refused" });
  });

  it("a request is good once, for 30 seconds, and only for its own device", async () => {
    const { console, key } = await withDevice();
    const request = await requestOf(console, key);
    expect((await inject(console, "finish", request)).status).toBe(200);
    expect(await inject(console, "finish", request)).toMatchObject({ status: 400, body: { code: "session" } });
    const late = await requestOf(console, key);
    console.ahead += 31_000;
    expect(await inject(console, "finish", late)).toMatchObject({ status: 400, body: { code: "session" } });
    const foreign = { ...(await requestOf(console, key)), serial: "vcpenobody000000" };
    expect(await inject(console, "finish", foreign)).toMatchObject({ status: 400, body: { code: "session" } });
  });

  it.each([
    ["another certificate request", async () => ({ csr: (await makeRequest(SERIAL)).csr })],
    ["another host", async () => ({ host: OTHER })],
    ["another proof", async () => ({ proof: "A".repeat(43) })],
  ])("refuses %s than the device has vouched for", async (_what, bend) => {
    const { console, key } = await withDevice();
    const request = { ...(await requestOf(console, key)), ...(await bend()) };
    expect(await inject(console, "finish", request)).toMatchObject({ status: 401, body: { code: "refused" } });
    expect(console.fleet.observed(SERIAL)).toBeUndefined();
  });

  it("with the right proof a bad certificate request is called one, and no host has the identity then", async () => {
    const { console, key } = await withDevice();
    const { csr: _, proof: __, ...request } = await requestOf(console, key);
    const consoleNonce = Buffer.from(request.session, "base64url").subarray(8, 40).toString("base64url");
    const csr = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----";
    const transcript = { serial: SERIAL, deviceNonce: request.nonce, consoleNonce, csr, host: HOST };
    const proof = deviceProof(enrolmentSecret(SERIAL, bytes(key)), transcript);
    expect(await inject(console, "finish", { ...request, csr, proof })).toMatchObject({
      status: 422,
      body: { code: "csr" },
    });
    await join(console, key, OTHER);
  });

  it("the device finds out when somebody between has changed what the console handed out", async () => {
    const { console, key } = await withDevice();
    const request = await requestOf(console, key);
    const { body } = await inject<FinishReply>(console, "finish", request);
    const consoleNonce = Buffer.from(request.session, "base64url").subarray(8, 40).toString("base64url");
    const { serial, csr, host, nonce: deviceNonce } = request;
    const transcript = { serial, deviceNonce, consoleNonce, csr, host };
    const secret = enrolmentSecret(SERIAL, bytes(key));
    expect(consoleProof(secret, transcript, body.issued)).toBe(body.proof);
    for (const bent of [
      { configKey: "other" },
      { trust: ["other"] },
      { chain: ["other"] },
      { server: null },
      { router: "other" },
    ]) {
      expect(consoleProof(secret, transcript, { ...body.issued, ...bent })).not.toBe(body.proof);
    }

    // One that stands between with a certificate of its own, and hands out its own authority.
    const mallory = await bed();
    mallory.app.server.removeAllListeners("request");
    const forward = { url: console.url, tls: { rejectUnauthorized: false } };
    mallory.app.server.on("request", (incoming, outgoing) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      incoming.on("end", async () => {
        const { status, reply } = await post(forward, incoming.url ?? "", JSON.parse(Buffer.concat(parts).toString()));
        const given = reply as Partial<FinishReply>;
        const changed = given.issued
          ? { ...given, issued: { ...given.issued, configKey: mallory.authority.configKey } }
          : given;
        outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(changed));
      });
    });
    await expect(join(mallory, key)).rejects.toMatchObject({ code: "console-proof" });
    const pin = { ca: console.authority.fingerprint };
    await expect(
      enrol({ url: mallory.url, serial: SERIAL, key: bytes(key), host: HOST, ...quiet, ...pin }),
    ).rejects.toMatchObject({
      code: "console-certificate",
    });
  });

  it("refuses what is no request", async () => {
    const console = await bed();
    for (const [what, body] of [
      ["begin", {}],
      ["begin", { serial: "VCPE", nonce: "A".repeat(43) }],
      ["begin", { serial: SERIAL, nonce: "short" }],
      ["finish", { serial: SERIAL }],
      ["finish", [1, 2]],
    ] as const) {
      expect(await inject(console, what, body)).toMatchObject({ status: 400, body: { code: "malformed" } });
    }
  });

  it("tells the device what the console lacks", async () => {
    const { console, key } = await withDevice();
    console.database.exec("PRAGMA query_only = ON");
    await expect(join(console, key)).rejects.toMatchObject({
      code: "refused",
      message: "the console's database cannot be written. Check its owner, its mode and the disk.",
    });
    console.database.exec("PRAGMA query_only = OFF");
    await join(console, key);
  });

  it("a transaction that is taken back takes the key with it", async () => {
    const { console, key } = await withDevice();
    console.database.exec("BEGIN");
    console.fleet.newKey(SERIAL);
    console.database.exec("ROLLBACK");
    await join(console, key);
  });
});
