import { execFileSync } from "node:child_process";
import { createPublicKey, randomBytes, verify, X509Certificate } from "node:crypto";
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeRequest } from "../../../../src/agent/request.ts";
import { openAuthority } from "../../../../src/console/ca/ca.ts";

const root = mkdtempSync(join(tmpdir(), "vcpe-ca-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = () => join(root, randomBytes(4).toString("hex"));
const DAY = 86_400_000;

describe("the authority", () => {
  it("is made at the first start in files of its own user, and is the same at the next", async () => {
    const path = folder();
    const first = await openAuthority(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(path).length).toBe(5);
    for (const name of readdirSync(path)) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
    const second = await openAuthority(path);
    expect(second.root).toBe(first.root);
    expect(second.deviceRoot).toBe(first.deviceRoot);
    expect(second.configKey).toBe(first.configKey);
    expect(second.fingerprint).toBe(new X509Certificate(first.root).fingerprint256);
    expect(verify(null, Buffer.from("x"), createPublicKey(first.configKey), await second.signSoon("x"))).toBe(true);
  });

  it("issues certificates for IKE and TLS clients that OpenSSL verifies, with a serial number of 128 bits", async () => {
    const path = folder();
    const authority = await openAuthority(path);
    const { csr, key } = await makeRequest("vcpe1");
    const { chain } = await authority.issueDevice(csr, "vcpe1-1.device.vcpe");
    const certificate = new X509Certificate(chain[0]);
    expect(certificate.subjectAltName).toBe("DNS:vcpe1-1.device.vcpe");
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.17"]);
    expect(certificate.ca).toBe(false);
    expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(certificate.validToDate.getTime() - Date.now()).toBeGreaterThan(29.9 * DAY);
    expect(certificate.validToDate.getTime() - Date.now()).toBeLessThan(30.1 * DAY);
    expect(createPublicKey(key).equals(certificate.publicKey)).toBe(true);
    const [ca, leaf] = ["ca.pem", "leaf.pem"].map((name) => join(root, name));
    writeFileSync(ca, authority.deviceRoot);
    writeFileSync(leaf, chain[0]);
    const run = execFileSync("openssl", ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", ca, leaf]);
    expect(run.toString()).toContain("OK");
    expect(() =>
      execFileSync("openssl", ["verify", "-purpose", "sslserver", "-CAfile", ca, leaf], { stdio: "pipe" }),
    ).toThrow();
  });

  it("takes nothing but the public key of a request, and only one that has signed it", async () => {
    const authority = await openAuthority(folder());
    const { csr, key } = await makeRequest("CN=somebody else");
    const { chain } = await authority.issueDevice(csr, "vcpe2-1.device.vcpe");
    expect(new X509Certificate(chain[0]).subject).toBe("CN=vcpe2-1.device.vcpe");
    const der = Buffer.from(csr.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
    const pem = (bytes: Buffer) =>
      `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString("base64")}\n-----END CERTIFICATE REQUEST-----`;
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    const keyAt = der.indexOf(spki.subarray(-32));
    for (const at of [keyAt, keyAt + 31, keyAt - 30, der.length - 64, der.length - 1]) {
      const bent = Buffer.from(der);
      bent[at] ^= 1;
      await expect(authority.issueDevice(pem(bent), "vcpe2-1.device.vcpe")).rejects.toMatchObject({ code: "csr" });
    }
    await expect(authority.issueDevice("nonsense", "vcpe2-1.device.vcpe")).rejects.toMatchObject({ code: "csr" });
    const rsa = execFileSync(
      "openssl",
      ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"],
      {
        stdio: ["ignore", "pipe", "ignore"],
      },
    ).toString();
    await expect(authority.issueDevice(rsa, "vcpe2-1.device.vcpe")).rejects.toThrow("not Ed25519");
  });

  it("keeps its HTTPS certificate until a third of its life is left, and makes a new one for other names", async () => {
    const path = folder();
    let now = Date.now();
    const authority = await openAuthority(path, { now: () => now });
    const first = await authority.serverCertificate(["console.example", "192.0.2.1", "2001:db8:0::1"]);
    expect(new X509Certificate(first.cert).subjectAltName).toBe(
      "IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, DNS:console.example",
    );
    const again = await openAuthority(path, { now: () => now });
    const names = ["2001:db8::1", "192.0.2.1", "console.example"];
    expect(await again.serverCertificate(names)).toEqual(first);
    now += 59 * DAY;
    expect(await again.serverCertificate(names)).toEqual(first);
    now += 2 * DAY;
    const renewed = await again.serverCertificate(names);
    expect(renewed.cert).not.toBe(first.cert);
    expect(new X509Certificate(renewed.cert).verify(new X509Certificate(again.root).publicKey)).toBe(true);
    expect((await again.serverCertificate(["console.example"])).cert).not.toBe(renewed.cert);
  });

  it("does not start with keys that others may read, or that do not belong together", async () => {
    const path = folder();
    await openAuthority(path);
    chmodSync(join(path, "device-root.key"), 0o640);
    await expect(openAuthority(path)).rejects.toMatchObject({ code: "ca-folder" });
    chmodSync(join(path, "device-root.key"), 0o600);
    chmodSync(path, 0o755);
    await expect(openAuthority(path)).rejects.toMatchObject({ code: "ca-folder" });
    chmodSync(path, 0o700);
    copyFileSync(join(path, "config.key"), join(path, "device-root.key"));
    await expect(openAuthority(path)).rejects.toMatchObject({ code: "ca-mismatch" });
    rmSync(join(path, "device-root.key"));
    await expect(openAuthority(path)).rejects.toThrow("its key device-root.key is not");
    writeFileSync(join(path, "config.key"), "", { mode: 0o600 });
    rmSync(join(path, "device-root.pem"));
    await expect(openAuthority(path)).rejects.toMatchObject({ code: "ca-mismatch" });
  });

  it("a start that was killed between key and certificate is made good by the next", async () => {
    const path = folder();
    const first = await openAuthority(path);
    rmSync(join(path, "https-root.pem"));
    const second = await openAuthority(path);
    const key = (pem: string) => new X509Certificate(pem).publicKey.export({ format: "jwk" });
    expect(key(second.root)).toEqual(key(first.root));
    expect(second.root).not.toBe(first.root);
  });
});
