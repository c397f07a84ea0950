import { createHmac } from "node:crypto";
import { expect, it } from "vitest";
import { pskAuth, signedOctets, verifyPskAuth } from "../../../src/ike/suite/authenticate.ts";
import { equal } from "../../../src/ike/suite/octets.ts";
import { PRFS } from "../../../src/ike/suite/transform.ts";
import { idBody } from "../../../src/ike/wire/id.ts";
import { hex, toHex } from "./vectors.ts";

const secret = new TextEncoder().encode("correct horse battery staple");
const message = hex("0102030405060708 0000000000000000 21202208 00000000 0000001c");
const nonce = hex("5a".repeat(32));
const skP = hex("3c".repeat(32));
const id = idBody({ kind: "idi", idType: 2, data: new TextEncoder().encode("branch-a.vcpe.test") });

it.each(Object.values(PRFS))("computes AUTH for a shared key as RFC 7296 §2.15 writes it ($name)", (prf) => {
  const mac = (key: Uint8Array | string, ...data: (Uint8Array | string)[]) =>
    data.reduce((hmac, part) => hmac.update(part), createHmac(prf.name, key)).digest();
  const octets = signedOctets(prf, message, nonce, skP, id);
  const macedId = mac(skP, hex("02000000"), "branch-a.vcpe.test");
  expect(toHex(octets)).toBe(toHex(Buffer.concat([message, nonce, macedId])));
  const wanted = mac(mac(secret, "Key Pad for IKEv2"), octets);
  expect(toHex(pskAuth(prf, secret, octets))).toBe(wanted.toString("hex"));
  expect(verifyPskAuth(prf, secret, octets, wanted)).toBe(true);
});

it("refuses another secret, other octets, a changed, shortened or empty AUTH", () => {
  const prf = PRFS.sha256;
  const octets = signedOctets(prf, message, nonce, skP, id);
  const data = pskAuth(prf, secret, octets);
  expect(verifyPskAuth(prf, secret, octets, data)).toBe(true);
  expect(verifyPskAuth(prf, hex("00"), octets, data)).toBe(false);
  expect(verifyPskAuth(prf, secret, octets.subarray(1), data)).toBe(false);
  for (let i = 0; i < data.length; i++) {
    const changed = data.slice();
    changed[i] ^= 0x80;
    expect(verifyPskAuth(prf, secret, octets, changed)).toBe(false);
    expect(verifyPskAuth(prf, secret, octets, data.subarray(0, i))).toBe(false);
  }
});

it("compares whole arrays", () => {
  expect(equal(hex("0102"), hex("0102"))).toBe(true);
  expect(equal(hex("0102"), hex("0103"))).toBe(false);
  expect(equal(hex("0102"), hex("01"))).toBe(false);
  expect(equal(hex("0100"), hex("01"))).toBe(false);
  expect(equal(hex("01"), hex("0100"))).toBe(false);
  expect(equal(hex(""), hex(""))).toBe(true);
});
