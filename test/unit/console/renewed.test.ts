/** A given certificate that is renewed on the disk while the console runs. */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openAuthority } from "../../../src/console/ca/ca.ts";
import { type GivenCertificate, knownToSystems, readCertificate } from "../../../src/console/certificate.ts";
import { type GivenParts, watchGiven } from "../../../src/console/given.ts";
import type { NewEvent } from "../../../src/console/store/events.ts";
import { silent } from "../router/silent.ts";
import { until } from "./fleet/bed.ts";
import { openGiven } from "./given.ts";

const DAY = 86_400_000;
const scratch = mkdtempSync(join(tmpdir(), "vcpe-renewed-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const [certFile, keyFile] = [join(scratch, "cert.pem"), join(scratch, "key.pem")];

let first: GivenCertificate;
let second: GivenCertificate;
let foreign: GivenCertificate;
beforeAll(async () => {
  const issued = async (folder: string, name: string) => {
    const authority = await openAuthority(join(scratch, folder));
    return authority.serverCertificate(["localhost", "127.0.0.1", name]);
  };
  first = await issued("one", "a.example");
  second = await issued("one", "b.example");
  foreign = await issued("two", "a.example");
});
const put = (cert: string, key: string) => {
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
};
beforeEach(() => put(first.cert, first.key));

const reread = () => readCertificate(certFile, keyFile);
const serialOf = ({ cert }: GivenCertificate) => new X509Certificate(cert).serialNumber;

/** Serial number of what a console shows. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.serialNumber);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

/** PEM that a console names as its CA. */
function caOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const url = `https://127.0.0.1:${port}/v1/ca`;
    get(url, { rejectUnauthorized: false, agent: false }, (reply) => resolve(text(reply))).on("error", reject);
  });
}

function watched(parts: Partial<GivenParts> = {}) {
  const events: NewEvent[] = [];
  const taken: GivenCertificate[] = [];
  const watch = watchGiven({
    given: first,
    reread,
    take: async (given) => void taken.push(given),
    event: (event) => void events.push(event),
    log: silent,
    ...parts,
  });
  return { ...watch, events, taken, codes: () => events.map(({ code, level }) => `${level} ${code}`) };
}

describe("a given certificate", () => {
  it("is taken anew from the disk by the console that runs, and whoever asks for the CA gets that one's", async () => {
    const site = await openGiven({ folder: join(scratch, "console"), certificate: reread(), reread });
    try {
      const port = Number(new URL(site.url).port);
      expect(await shown(port)).toBe(serialOf(first));
      put(second.cert, first.key);
      await site.reread();
      expect(await shown(port)).toBe(serialOf(first));
      put(second.cert, second.key);
      await site.reread();
      expect(await shown(port)).toBe(serialOf(second));
      put(foreign.cert, foreign.key);
      await site.reread();
      expect(await shown(port)).toBe(serialOf(foreign));
      expect(foreign.cert).toContain((await caOf(port)).trim());
      expect(second.cert).not.toContain((await caOf(port)).trim());
    } finally {
      await site.close();
    }
  }, 120_000);

  it("is looked at again and again, without being told to", async () => {
    const watch = watched({ every: 10 });
    put(second.cert, second.key);
    await until(() => watch.taken.length === 1);
    watch.stop();
    expect(watch.taken).toEqual([second]);
    expect(watch.codes()).toEqual(["INFO CertificateRenewed"]);
  });

  it("that cannot be used is refused once, in words, and the next good one is taken", async () => {
    const watch = watched();
    const other = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }) as string;
    const bad: [string, string, RegExp][] = [
      [second.cert, first.key, /is not the key of/],
      [second.cert, other, /is not the key of/],
      [second.cert.slice(0, 200), second.key, /is no PEM of its kind/],
      ["", second.key, /is no PEM of its kind/],
    ];
    for (const [cert, key, words] of bad) {
      const before = watch.events.length;
      put(cert, key);
      await watch.look();
      await watch.look();
      expect(watch.events.slice(before)).toEqual([
        { level: "WARN", code: "CertificateRefused", message: expect.stringMatching(words) },
      ]);
      put(first.cert, first.key);
      await watch.look();
    }
    rmSync(keyFile);
    await watch.look();
    expect(watch.events.at(-1)?.message).toContain("cannot be read (ENOENT)");
    expect(watch.taken).toEqual([]);
    put(second.cert, second.key);
    await watch.look();
    expect(watch.taken).toEqual([second]);
    watch.stop();
  });

  it("that TLS does not take in the end is refused, and tried again", async () => {
    let takes = 0;
    const watch = watched({
      take: async () => {
        if (takes++ === 0) throw new Error("no room");
      },
    });
    put(second.cert, second.key);
    await watch.look();
    await watch.look();
    await watch.look();
    watch.stop();
    expect(takes).toBe(2);
    expect(watch.codes()).toEqual(["WARN CertificateRefused", "INFO CertificateRenewed"]);
  });

  it("near its end is told of once a day, and of its end at once; one that has ended is not taken", async () => {
    const end = new X509Certificate(first.cert).validToDate.getTime();
    let now = end - 15 * DAY;
    const watch = watched({ now: () => now });
    expect(watch.codes()).toEqual([]);
    now = end - 13 * DAY;
    for (let i = 0; i < 3; i++) await watch.look();
    expect(watch.codes()).toEqual(["WARN CertificateEnds"]);
    expect(watch.events[0].message).toContain(new Date(end).toISOString().slice(0, 10));
    now = end - 12 * DAY;
    await watch.look();
    expect(watch.codes()).toHaveLength(2);
    now = end - 1000;
    await watch.look();
    now = end + 1000;
    await watch.look();
    await watch.look();
    expect(watch.codes().slice(2)).toEqual(["WARN CertificateEnds", "CRITICAL CertificateEnds"]);
    now = new X509Certificate(second.cert).validToDate.getTime() + 1;
    put(second.cert, second.key);
    await watch.look();
    expect(watch.taken).toEqual([]);
    expect(watch.events.at(-1)).toMatchObject({ code: "CertificateRefused" });
    watch.stop();
  });

  it("that devices cannot trust is told of: of a CA of one's own, and without that CA's certificate", () => {
    const alone = first.cert.slice(0, first.cert.indexOf("-----BEGIN", 10));
    const watch = watched({ given: { ...first, cert: alone } });
    watch.stop();
    expect(watch.events).toEqual([
      { level: "WARN", code: "CertificateUnknown", message: expect.stringContaining("Append what is missing") },
    ]);
    expect(knownToSystems(first)).toBe(false);
  });
});
