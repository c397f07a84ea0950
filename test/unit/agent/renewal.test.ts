import { createPublicKey, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseIdentity, folderOf, joined } from "../../../src/agent/folder.ts";
import { thisHost } from "../../../src/agent/host.ts";
import { credentialsOf, type Identity, loadIdentity, saveIdentity, secretsOf } from "../../../src/agent/identity.ts";
import { Renewal } from "../../../src/agent/renewal.ts";
import { makeRequest } from "../../../src/agent/request.ts";
import { type Authority, openAuthority } from "../../../src/console/ca/ca.ts";
import { temporary } from "../console/fleet/bed.ts";
import { silent } from "../router/silent.ts";

const SERIAL = "vcpe0123456789ab";
const DAY = 86_400_000;

async function identityOf(authority: Authority): Promise<Identity> {
  const { csr, key } = await makeRequest(SERIAL);
  const { chain } = await authority.issueDevice(csr, `${SERIAL}-1.device.vcpe`);
  const { configKey, deviceRoot, root } = authority;
  return { console: "https://c", router: SERIAL, key, chain, trust: [deviceRoot], server: [root], configKey };
}

describe("a renewal", () => {
  it("is asked for after two thirds of the life, with a fresh key, and kept before it is used", async () => {
    const authority = await openAuthority(join(temporary(), "ca"));
    let identity = await identityOf(authority);
    const folder = folderOf(SERIAL, temporary());
    saveIdentity(folder, identity);
    let now = Date.now();
    const asked: string[] = [];
    const renewal = new Renewal({
      folder,
      identity: () => identity,
      ask: (csr) => asked.push(csr) > 0,
      log: silent,
      now: () => now,
    });
    expect(await renewal.look()).toBe(false);
    now += 19 * DAY;
    expect(await renewal.look()).toBe(false);
    now += 2 * DAY;
    expect(await renewal.look()).toBe(true);
    const { chain } = await authority.issueDevice(asked[0], `${SERIAL}-1.device.vcpe`);
    const strange = await identityOf(authority);
    expect(renewal.accept({ type: "certificate", chain: strange.chain, trust: strange.trust })).toBeUndefined();
    const renewed = renewal.accept({ type: "certificate", chain, trust: ["x"] }) as Identity;
    expect(renewed.key).not.toBe(identity.key);
    expect(createPublicKey(renewed.key).equals(new X509Certificate(chain[0]).publicKey)).toBe(true);
    expect(JSON.parse(readFileSync(join(folder.path, "identity.json"), "utf8"))).toEqual(renewed);
    expect(credentialsOf(renewed).version).not.toBe(credentialsOf(identity).version);
    expect(renewal.accept({ type: "certificate", chain, trust: ["x"] })).toBeUndefined();
    identity = renewed;
    expect(secretsOf(identity).get("identity")).not.toBe(secretsOf(identity).get("identity"));
  });
});

describe("the folder of identities", () => {
  it("holds each for its own user, is not used when others may read it, and says which there are", async () => {
    const root = temporary();
    expect(joined(join(root, "none"))).toEqual([]);
    const authority = await openAuthority(join(temporary(), "ca"));
    const identity = await identityOf(authority);
    const folder = folderOf(SERIAL, root);
    saveIdentity(folder, identity);
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder.path, "identity.json")).mode & 0o777).toBe(0o600);
    expect(loadIdentity(folder)).toEqual(identity);
    expect(chooseIdentity(undefined, root)).toBe(SERIAL);
    saveIdentity(folderOf("vcpeother", root), identity);
    expect(() => chooseIdentity(undefined, root)).toThrow(/joined as vcpe0123456789ab, vcpeother.*--serial/);
    expect(chooseIdentity("vcpeother", root)).toBe("vcpeother");
    expect(() => chooseIdentity("vcpenone", root)).toThrow("there is no identity of vcpenone");
    chmodSync(join(folder.path, "identity.json"), 0o640);
    expect(() => loadIdentity(folder)).toThrow("other users");
    chmodSync(join(folder.path, "identity.json"), 0o600);
    folder.writeIdentity("{}");
    expect(() => loadIdentity(folder)).toThrow("damaged");
    // Each piece looks as it should, and cannot be used.
    const pem = (what: string) => `-----BEGIN ${what}-----\nnonsense\n-----END ${what}-----\n`;
    const certificate = pem("CERTIFICATE");
    const { key: strange } = await makeRequest(SERIAL);
    for (const piece of [
      { key: pem("PRIVATE KEY") },
      { key: strange },
      { chain: [certificate] },
      { chain: [...identity.chain, certificate] },
      { trust: [certificate] },
      { server: [certificate] },
      { configKey: pem("PUBLIC KEY") },
    ]) {
      saveIdentity(folder, { ...identity, ...piece });
      expect(() => loadIdentity(folder), JSON.stringify(Object.keys(piece))).toThrow("damaged");
    }
    folder.remove();
    expect(() => loadIdentity(folder)).toThrow("vcpe join");
  });

  it("has one process at a time that is the device", async () => {
    const folder = folderOf(SERIAL, temporary());
    expect(folder.held()).toBe(false);
    const release = folder.hold();
    expect(folder.held()).toBe(true);
    expect(() => folder.hold()).toThrow(`the device ${SERIAL} runs already`);
    release();
    expect(folder.held()).toBe(false);
  });

  it("tells this host from others without saying its id, also where there is no machine id", () => {
    const root = temporary();
    const id = join(root, "machine-id");
    mkdirSync(join(root, "a"));
    const made = thisHost(join(root, "a"), id);
    expect(made.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(thisHost(join(root, "a"), id)).toEqual(made);
    expect(thisHost(join(root, "b"), id).fingerprint).not.toBe(made.fingerprint);
    expect(readFileSync(join(root, "a", "host-id"), "utf8")).not.toContain(made.fingerprint);
  });
});
