/** What a device may do with its certificate, and what nobody lets it do: be an authority, be another device, be who it was before. */
import "reflect-metadata";
import { createPrivateKey, webcrypto, X509Certificate as X509 } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeRequest } from "../../../../src/agent/request.ts";
import { type Authority, openAuthority } from "../../../../src/console/ca/ca.ts";
import { passportOffice } from "../../../../src/console/fleet/passport.ts";
import { EMPTY, type Intent } from "../../../../src/console/model/intent.ts";
import { mistrust, readCertificate } from "../../../../src/ike/certificate/index.ts";
import { deviceName } from "../../../../src/protocol/name.ts";

const ED25519 = { name: "Ed25519" };
const DAY = 86_400_000;
const [THIEF, VICTIM] = ["vcpe00000000thif", "vcpe00000000vctm"];

const folder = mkdtempSync(join(tmpdir(), "vcpe-misuse-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let authority: Authority;
let thief: { readonly key: string; readonly pem: string };
beforeAll(async () => {
  authority = await openAuthority(join(folder, "ca"));
  const { csr, key } = await makeRequest(THIEF);
  thief = { key, pem: (await authority.issueDevice(csr, deviceName(THIEF, 1))).chain[0] };
});

/** A certificate for the victim that the thief's key has signed. */
async function forged(): Promise<string> {
  const der = createPrivateKey(thief.key).export({ format: "der", type: "pkcs8" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, ED25519, false, ["sign"]);
  const { publicKey } = (await webcrypto.subtle.generateKey(ED25519, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const made = await X509CertificateGenerator.create({
    serialNumber: "4001",
    subject: `CN=${deviceName(VICTIM, 1)}`,
    issuer: new X509Certificate(thief.pem).subject,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + DAY),
    publicKey,
    signingKey,
    signingAlgorithm: ED25519,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.17"]),
      new SubjectAlternativeNameExtension([{ type: "dns", value: deviceName(VICTIM, 1) }]),
    ],
  });
  return made.toString("pem");
}

interface FakeDevice {
  readonly id: string;
  readonly generation: number;
}

const read = (pem: string) => readCertificate(new Uint8Array(new X509(pem).raw));

/** What a gateway that expects this name says to a chain; undefined: welcome. */
function gateway(chain: readonly string[], name: string): string | undefined {
  const [leaf, ...intermediates] = chain.map(read);
  return mistrust({ leaf, intermediates, anchors: [read(authority.deviceRoot)], name, now: Date.now() });
}

/** What the console says to a TLS client with this certificate. */
function console(pem: string, devices: readonly FakeDevice[]): string {
  const device = new Map(devices.map((one) => [one.id, one])) as unknown as Intent["device"];
  const judged = passportOffice(authority.deviceRoot, { intent: { ...EMPTY, device } })(new X509(pem), Date.now());
  return "code" in judged ? judged.code : judged.device;
}

const both = (generation = 1): FakeDevice[] => [
  { id: THIEF, generation },
  { id: VICTIM, generation: 1 },
];

describe("a certificate of a device", () => {
  it("lets it in, at the gateway that expects it and at the console", () => {
    expect(gateway([thief.pem], deviceName(THIEF, 1))).toBeUndefined();
    expect(console(thief.pem, both())).toBe(THIEF);
  });

  it("is not taken for another device, whatever name the other side claims", () => {
    expect(gateway([thief.pem], deviceName(VICTIM, 1))).toContain("instead of");
  });

  it("is taken nowhere once the generation is another", () => {
    expect(gateway([thief.pem], deviceName(THIEF, 2))).toContain("instead of");
    expect(console(thief.pem, both(2))).toBe("superseded");
    expect(console(thief.pem, both().slice(1))).toBe("unknown-device");
  });

  it("makes nobody an authority", async () => {
    const pem = await forged();
    expect(gateway([pem, thief.pem], deviceName(VICTIM, 1))).toContain("it is no certification authority");
    expect(console(pem, both())).toBe("foreign");
  });

  it("of the console's HTTPS is none", async () => {
    const { cert } = await authority.serverCertificate([deviceName(THIEF, 1)]);
    expect(gateway([cert], deviceName(THIEF, 1))).toContain("not issued by a trusted authority");
    expect(console(cert, both())).toBe("foreign");
  });
});
