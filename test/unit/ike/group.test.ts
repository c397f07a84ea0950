import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { SuiteError } from "../../../src/ike/suite/error.ts";
import { generateKeyPair, sharedSecret } from "../../../src/ike/suite/group.ts";
import { GROUPS, type Group } from "../../../src/ike/suite/transform.ts";
import { hex, toHex, wycheproof } from "./vectors.ts";

const { x25519, ecp256, ecp384 } = GROUPS;

/** A scalar of Wycheproof, which writes it as a signed number, as `length` bytes. */
function scalar(text: string, length: number): Uint8Array {
  return hex(text.replace(/^0+/, "").padStart(2 * length, "0"));
}

const montgomery = wycheproof("x25519_test.json");

it.skipIf(montgomery === undefined)("agrees with Wycheproof on x25519 and refuses an all-zero secret", () => {
  let computed = 0;
  let refused = 0;
  for (const { tests } of montgomery!) {
    for (const test of tests) {
      const run = () =>
        sharedSecret({ group: x25519, secretKey: hex(test.private as string) }, hex(test.public as string));
      if (/^0*$/.test(test.shared as string)) {
        expect(run, `tcId ${test.tcId}`).toThrow(SuiteError);
        refused++;
      } else {
        expect(toHex(run()), `tcId ${test.tcId}`).toBe(test.shared);
        computed++;
      }
    }
  }
  expect(computed).toBeGreaterThan(400);
  expect(refused).toBeGreaterThan(10);
});

function ecdh(name: string, group: Group): void {
  const groups = wycheproof(name);
  it.skipIf(groups === undefined)(
    `agrees with Wycheproof on ${group.name}; compressed points are not IKE's form`,
    () => {
      let computed = 0;
      let refused = 0;
      for (const { tests } of groups!) {
        for (const test of tests) {
          const point = hex(test.public as string);
          const uncompressed = point[0] === 4 && point.length === 1 + group.publicLength;
          const secretKey = scalar(test.private as string, group.sharedLength);
          const run = () => sharedSecret({ group, secretKey }, uncompressed ? point.subarray(1) : point);
          if (test.result === "invalid" || !uncompressed) {
            expect(run, `tcId ${test.tcId}`).toThrow(SuiteError);
            refused++;
          } else {
            expect(toHex(run()), `tcId ${test.tcId}`).toBe(test.shared);
            computed++;
          }
        }
      }
      expect(computed).toBeGreaterThan(200);
      expect(refused).toBeGreaterThan(5);
    },
  );
}

ecdh("ecdh_secp256r1_ecpoint_test.json", ecp256);
ecdh("ecdh_secp384r1_ecpoint_test.json", ecp384);

/** RFC 5903 §8.1 and §8.2, RFC 7748 §6.1. Public values as they go into a KE payload. */
const published = [
  {
    group: ecp256,
    i: "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
    gi: `DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180
         5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3`,
    r: "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
    gr: `D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63
         56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB`,
    gir: "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE",
  },
  {
    group: ecp384,
    i: "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194",
    gi: `667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6DE3AC808ACB4BDB4C88732AEE95F41AA
         9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38EEB9FCFF3C2C947DAE69B4C634573A81C`,
    r: "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942E0308312916B8ED2960E4BD55A7448FC",
    gr: `E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D0774A3571
         DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C`,
    gir: "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746",
  },
  {
    group: x25519,
    i: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    gi: "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    r: "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    gr: "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    gir: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
  },
];

it.each(published)("reproduces the published exchange of $group.name", ({ group, i, gi, r, gr, gir }) => {
  expect(toHex(sharedSecret({ group, secretKey: hex(i) }, hex(gr)))).toBe(gir.toLowerCase());
  expect(toHex(sharedSecret({ group, secretKey: hex(r) }, hex(gi)))).toBe(gir.toLowerCase());
});

it("computes the published x25519 public values from the private ones", () => {
  const { i, gi, r, gr } = published[2];
  expect(toHex(generateKeyPair(x25519, () => hex(i)).publicKey)).toBe(gi);
  expect(toHex(generateKeyPair(x25519, () => hex(r)).publicKey)).toBe(gr);
});

it.each(Object.values(GROUPS))("makes pairs of $name that agree, of the lengths in the table", (group) => {
  for (let i = 0; i < 5; i++) {
    const a = generateKeyPair(group, randomBytes);
    const b = generateKeyPair(group, randomBytes);
    expect(a.publicKey).toHaveLength(group.publicLength);
    expect(toHex(a.publicKey)).not.toBe(toHex(b.publicKey));
    const shared = sharedSecret(a, b.publicKey);
    expect(shared).toHaveLength(group.sharedLength);
    expect(toHex(shared)).toBe(toHex(sharedSecret(b, a.publicKey)));
  }
});

it.each(Object.values(GROUPS))("takes randomness for $name only from the function it is given", (group) => {
  const seed = (n: number) => new Uint8Array(n).fill(7);
  expect(toHex(generateKeyPair(group, seed).publicKey)).toBe(toHex(generateKeyPair(group, seed).publicKey));
});

it.each(Object.values(GROUPS))("refuses public values of $name that are no points", (group) => {
  const pair = generateKeyPair(group, randomBytes);
  const bad: Uint8Array[] = [0, 1, group.publicLength - 1, group.publicLength + 1].map((length) =>
    new Uint8Array(length).fill(9),
  );
  bad.push(new Uint8Array(group.publicLength));
  if (group.name !== "x25519") {
    const off = generateKeyPair(group, randomBytes).publicKey;
    off[off.length - 1] ^= 1;
    bad.push(off, new Uint8Array(group.publicLength).fill(0xff));
  }
  for (const value of bad) {
    expect(() => sharedSecret(pair, value)).toThrow(expect.objectContaining({ code: "invalid-public-key" }));
  }
});
