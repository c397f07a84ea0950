/** AUTH method 14: RFC 7427 §3, §4 and appendix A, RFC 8420, against OpenSSL, noble and published vectors. */
import { constants, createPublicKey, generateKeyPairSync, sign as opensslSign, verify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OUR_HASHES, SCHEMES, schemeFor, schemeOf } from "../../../src/ike/suite/scheme.ts";
import { keyKind, SigningKey, verifySignature } from "../../../src/ike/suite/signature.ts";
import { hashesNotify, hashesOf } from "../../../src/ike/wire/hashes.ts";
import { HASH } from "../../../src/ike/wire/iana.ts";
import { parseSignature, signatureData } from "../../../src/ike/wire/signature.ts";
import { hex, toHex } from "./vectors.ts";

const message = new TextEncoder().encode("signed octets");
const refusedKey = expect.objectContaining({ name: "SuiteError", code: "invalid-private-key" });

const pairs = {
  ed25519: generateKeyPairSync("ed25519"),
  "ecdsa-p256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  "ecdsa-p384": generateKeyPairSync("ec", { namedCurve: "P-384" }),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};
type Kind = keyof typeof pairs;
const kinds = Object.keys(pairs) as Kind[];
const signing = (kind: Kind) => new SigningKey(pairs[kind].privateKey.export({ format: "der", type: "pkcs8" }));
const verifying = (kind: Kind) => ({ kind, key: pairs[kind].publicKey });
const rows = kinds.flatMap((kind) =>
  SCHEMES.filter(({ keys }) => keys.includes(kind)).map((scheme) => ({ kind, scheme })),
);

it.each(rows)("$scheme.name with a key of $kind: signs and verifies", ({ kind, scheme }) => {
  const key = signing(kind);
  const signature = key.sign(scheme, message);
  expect(verifySignature(verifying(kind), scheme, message, signature)).toBe(true);
  const changed = signature.slice();
  changed[changed.length >> 1]! ^= 1;
  expect(verifySignature(verifying(kind), scheme, message, changed)).toBe(false);
  expect(verifySignature(verifying(kind), scheme, message.slice(1), signature)).toBe(false);
  expect(verifySignature(verifying(kind), scheme, message, new Uint8Array(0))).toBe(false);
  for (const other of SCHEMES) {
    if (other !== scheme) expect(verifySignature(verifying(kind), other, message, signature), other.name).toBe(false);
  }
  expect(key.matches(verifying(kind))).toBe(true);
  for (const other of kinds) if (other !== kind) expect(key.matches(verifying(other))).toBe(false);
});

describe("what others sign and verify", () => {
  const point = (kind: Kind) => pairs[kind].publicKey.export({ format: "raw-public" });

  it("is the same for Ed25519: RFC 8032 §7.1 test 2, OpenSSL", () => {
    const [scheme] = SCHEMES;
    const seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const key = new SigningKey(hex(`302e020100300506032b657004220420${seed}`));
    expect(toHex(key.sign(scheme!, hex("72")))).toBe(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    const theirs = opensslSign(null, message, pairs.ed25519.privateKey);
    expect(verifySignature(verifying("ed25519"), scheme!, message, theirs)).toBe(true);
    expect(verify(null, message, pairs.ed25519.publicKey, signing("ed25519").sign(scheme!, message))).toBe(true);
  });

  it("is the same for ECDSA: noble, with the signature in DER (RFC 7427 A.3)", () => {
    for (const [kind, curve, digest] of [
      ["ecdsa-p256", p256, "sha256"],
      ["ecdsa-p384", p384, "sha384"],
    ] as const) {
      const scheme = SCHEMES.find((one) => one.keys.includes(kind) && one.digest === digest)!;
      const signature = signing(kind).sign(scheme, message);
      expect(curve.verify(signature, message, point(kind), { format: "der", lowS: false })).toBe(true);
    }
  });

  it("is the same for RSA: OpenSSL, PSS with a salt as long as the digest", () => {
    for (const scheme of SCHEMES.filter(({ keys }) => keys.includes("rsa"))) {
      const length = { sha256: 32, sha384: 48, sha512: 64 }[scheme.digest!];
      const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: length };
      const options = scheme.pss ? pss : { padding: constants.RSA_PKCS1_PADDING };
      const theirs = opensslSign(scheme.digest, message, { key: pairs.rsa.privateKey, ...options });
      expect(verifySignature(verifying("rsa"), scheme, message, theirs)).toBe(true);
      const ours = signing("rsa").sign(scheme, message);
      expect(verify(scheme.digest, message, { key: pairs.rsa.publicKey, ...options }, ours)).toBe(true);
    }
  });

  it("is no Ed25519 signature that only ZIP 215 would take", () => {
    // A = the neutral point, S = 0, R = the neutral point: valid for any message without the check of small order.
    const neutral = hex(`01${"00".repeat(31)}`);
    const signature = hex(`01${"00".repeat(63)}`);
    expect(ed25519.verify(signature, message, neutral, { zip215: true })).toBe(true);
    const der = Buffer.concat([hex("302a300506032b6570032100"), neutral]);
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    expect(verifySignature({ kind: "ed25519", key }, SCHEMES[0]!, message, signature)).toBe(false);
  });
});

describe("the table", () => {
  it("names schemes as RFC 7427 appendix A and RFC 8420 appendix A do", () => {
    const name = (algorithm: string) => schemeOf(hex(algorithm))?.name;
    expect(name("300a06082a8648ce3d040302")).toBe("ECDSA with SHA256");
    expect(name("300a06082a8648ce3d040303")).toBe("ECDSA with SHA384");
    expect(name("300a06082a8648ce3d040304")).toBe("ECDSA with SHA512");
    expect(name("300d06092a864886f70d01010b0500")).toBe("RSA with SHA256");
    expect(name("300d06092a864886f70d01010c0500")).toBe("RSA with SHA384");
    expect(name("300d06092a864886f70d01010d0500")).toBe("RSA with SHA512");
    expect(name("300506032b6570")).toBe("Ed25519");
    const pss =
      "06092a864886f70d01010a 30?? a00f300d06096086480165030402010500 a11c301a06092a864886f70d010108300d06096086480165030402010500 a203020120";
    expect(name(`3041${pss.replace("30??", "3034")}`)).toBe("RSA-PSS with SHA256");
    expect(name(`3046${pss.replace("30??", "3039")}a303020101`)).toBe("RSA-PSS with SHA256");
  });

  it("knows no SHA-1, no default PSS, and nothing that is almost a name", () => {
    for (const algorithm of [
      "300d06092a864886f70d0101050500",
      "300906072a8648ce3d0401",
      "300b06092a864886f70d01010a",
      "300d06092a864886f70d01010a3000",
      "300606032b65700500",
      "",
    ]) {
      expect(schemeOf(hex(algorithm)), algorithm).toBeUndefined();
    }
    const all = SCHEMES.flatMap(({ algorithm, aliases }) => [algorithm, ...aliases]).map(toHex);
    expect(new Set(all).size).toBe(all.length);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => all.includes(toHex(bytes)) || !schemeOf(bytes)));
  });

  it("chooses by the key and by what the peer verifies with", () => {
    const chosen = (kind: Kind, ...hashes: number[]) => schemeFor(kind, new Set(hashes))?.name;
    expect(kinds.map((kind) => chosen(kind, ...OUR_HASHES))).toEqual([
      "Ed25519",
      "ECDSA with SHA256",
      "ECDSA with SHA384",
      "RSA-PSS with SHA256",
    ]);
    expect(kinds.map((kind) => chosen(kind, HASH.SHA2_512))).toEqual([
      undefined,
      "ECDSA with SHA512",
      "ECDSA with SHA512",
      "RSA-PSS with SHA512",
    ]);
    expect(kinds.map((kind) => chosen(kind, HASH.SHA1))).toEqual([undefined, undefined, undefined, undefined]);
    expect(kinds.map((kind) => chosen(kind, HASH.IDENTITY))).toEqual(["Ed25519", undefined, undefined, undefined]);
  });
});

describe("a private key", () => {
  const pkcs8 = (type: "rsa" | "ec" | "x25519", options: object) => {
    const { privateKey } = generateKeyPairSync(type as "rsa", options as { modulusLength: number });
    return privateKey.export({ format: "der", type: "pkcs8" });
  };

  it.each([
    ["none at all", () => hex("3003020100")],
    ["RSA of 1024 bits", () => pkcs8("rsa", { modulusLength: 1024 })],
    ["ECDSA P-521", () => pkcs8("ec", { namedCurve: "P-521" })],
    ["a curve of Bitcoin's", () => pkcs8("ec", { namedCurve: "secp256k1" })],
    ["X25519", () => pkcs8("x25519", {})],
  ])("is refused: %s", (_, make) => expect(() => new SigningKey(make())).toThrow(refusedKey));

  it("is a copy, and forgotten when it is wiped", () => {
    for (const kind of kinds) {
      const der = pairs[kind].privateKey.export({ format: "der", type: "pkcs8" });
      const key = new SigningKey(der);
      der.fill(0);
      const scheme = schemeFor(kind, new Set(OUR_HASHES))!;
      expect(verifySignature(verifying(kind), scheme, message, key.sign(scheme, message))).toBe(true);
      key.wipe();
      let signature: Uint8Array = new Uint8Array(0);
      try {
        signature = key.sign(scheme, message);
      } catch {
        // What is left is no key any more.
      }
      expect(verifySignature(verifying(kind), scheme, message, signature)).toBe(false);
    }
  });

  it("has a kind only where it can sign here", () => {
    expect(keyKind(generateKeyPairSync("ed448").publicKey)).toBeUndefined();
    expect(kinds.map((kind) => keyKind(pairs[kind].publicKey))).toEqual(kinds);
  });
});

describe("the wire", () => {
  const coded = (code: string) => expect.objectContaining({ name: "WireError", code });

  it("holds the length of the algorithm, the algorithm and the signature (RFC 7427 §3)", () => {
    const value = { algorithm: hex("300506032b6570"), value: hex("aabbcc") };
    expect(toHex(signatureData(value))).toBe("07300506032b6570aabbcc");
    expect(parseSignature(hex("07300506032b6570aabbcc"))).toEqual(value);
    expect(() => parseSignature(hex("00aa"))).toThrow(coded("value"));
    expect(() => parseSignature(hex(""))).toThrow(coded("truncated"));
    expect(() => parseSignature(hex("073005"))).toThrow(coded("truncated"));
    expect(() => parseSignature(hex("023005"))).toThrow(coded("truncated"));
    expect(() => signatureData({ algorithm: new Uint8Array(256), value: hex("aa") })).toThrow(coded("too-long"));
  });

  it("holds hash algorithms of two bytes each (RFC 7427 §4)", () => {
    const notify = hashesNotify([2, 3, 4, 5]);
    expect(notify).toMatchObject({ notify: 16431, protocol: 0, data: hex("0002000300040005") });
    expect(hashesOf(notify)).toEqual([2, 3, 4, 5]);
    expect(hashesOf({ ...notify, data: hex("") })).toEqual([]);
    expect(() => hashesOf({ ...notify, data: hex("000200") })).toThrow(coded("length"));
  });

  it("never answers bytes with anything but a value or a WireError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          const value = parseSignature(bytes);
          expect(toHex(signatureData(value))).toBe(toHex(bytes));
        } catch (error) {
          expect(error).toMatchObject({ name: "WireError" });
        }
      }),
    );
  });
});
