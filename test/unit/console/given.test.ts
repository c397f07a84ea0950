/** A console with a certificate that was brought along. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { enrol } from "../../../src/agent/join.ts";
import { login } from "../../../src/cli/login.ts";
import { create } from "../../../src/cli/write.ts";
import { openAuthority } from "../../../src/console/ca/ca.ts";
import { readCertificate, rootsOf } from "../../../src/console/certificate.ts";
import { readDeviceKey } from "../../../src/protocol/key.ts";
import { fakeTerminal } from "../cli/client/terminal.ts";
import { openGiven } from "./given.ts";

const scratch = mkdtempSync(join(tmpdir(), "vcpe-given-"));
const file = (name: string, text: string) => {
  writeFileSync(join(scratch, name), text, { mode: 0o600 });
  return join(scratch, name);
};
let given: { readonly key: string; readonly cert: string };
let root: string;
beforeAll(async () => {
  const other = await openAuthority(join(scratch, "other"));
  given = await other.serverCertificate(["localhost", "127.0.0.1"]);
  root = other.root;
});
afterAll(() => rmSync(scratch, { recursive: true }));

it("is read with its key; what does not belong together is refused, in words", () => {
  const [cert, key] = [file("cert.pem", given.cert), file("key.pem", given.key)];
  expect(readCertificate(cert, key)).toEqual(given);
  const refused = (certificate: string, itsKey: string, words: string) =>
    expect(() => readCertificate(certificate, itsKey)).toThrow(
      expect.objectContaining({ code: "certificate", message: expect.stringContaining(words) }),
    );
  refused(join(scratch, "none.pem"), key, "none.pem cannot be read (ENOENT)");
  refused(cert, cert, "is no PEM of its kind");
  refused(cert, file("another.pem", otherKey()), "is not the key of");
});

it("tells devices the root that is in the chain, and none where the system must know it", () => {
  expect(rootsOf(given)?.map((one) => one.trim())).toEqual([root.trim()]);
  expect(rootsOf({ ...given, cert: given.cert.slice(0, given.cert.indexOf(root.trim())) })).toBeNull();
});

it("is what clients and devices see, and devices join by it", async () => {
  const site = await openGiven({ folder: join(scratch, "console"), certificate: given });
  try {
    expect(site.fingerprint).toBeNull();
    const url = new URL(site.url);
    const env = { VCPE_CREDENTIALS: join(scratch, "credentials.json"), HOME: scratch };
    await login(fakeTerminal(env), {
      console: site.url,
      caFile: file("root.pem", root),
      user: "admin",
      passwordFile: file("once", `${site.firstPassword}\n`),
      newPasswordFile: file("password", "a few plain words\n"),
    });
    const keys = join(scratch, "keys");
    await create(fakeTerminal(env), ["area", "east"]);
    const point = ["access-point", "one", "--area", "east", "--region", "e", "--ipv4", "198.51.100.1"];
    await create(fakeTerminal(env), [...point, "--keys-file", keys]);
    const [serial, key] = readFileSync(keys, "utf8").trim().split(" ");
    const identity = await enrol({
      url,
      serial,
      key: readDeviceKey(key) as Uint8Array,
      host: { fingerprint: "0".repeat(64), name: "h", software: "0.1.0" },
      say: () => undefined,
    });
    expect(identity.server?.map((one) => one.trim())).toEqual([root.trim()]);
  } finally {
    await site.close();
  }
}, 120_000);

function otherKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }) as string;
}
