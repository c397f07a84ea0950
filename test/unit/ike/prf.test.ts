import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { prfOf, prfPlus } from "../../../src/ike/suite/prf.ts";
import { PRFS, type Prf } from "../../../src/ike/suite/transform.ts";
import { hex, toHex, wycheproof } from "./vectors.ts";

const prfs = Object.values(PRFS);

for (const prf of prfs) {
  const groups = wycheproof(`hmac_${prf.name}_test.json`);
  it.skipIf(groups === undefined)(`agrees with Wycheproof on HMAC with ${prf.name}`, () => {
    let valid = 0;
    let invalid = 0;
    for (const { tests, tagSize } of groups!) {
      for (const test of tests) {
        const tag = toHex(
          prfOf(prf, hex(test.key as string), hex(test.msg as string)).subarray(0, (tagSize as number) / 8),
        );
        expect(tag === test.tag, `tcId ${test.tcId}`).toBe(test.result === "valid");
        if (test.result === "valid") valid++;
        else invalid++;
      }
    }
    expect(valid).toBeGreaterThan(50);
    expect(invalid).toBeGreaterThan(50);
  });
}

it.each(prfs)("hashes the parts of a message one after the other ($name)", (prf) => {
  const key = hex("0102");
  expect(toHex(prfOf(prf, key, hex("aa"), hex(""), hex("bbcc")))).toBe(toHex(prfOf(prf, key, hex("aabbcc"))));
  expect(prfOf(prf, key)).toHaveLength(prf.length);
});

/** RFC 7296 §2.13 written a second time, with another HMAC. */
function slowPrfPlus(prf: Prf, key: Uint8Array, seed: Uint8Array, length: number): Buffer {
  const mac = (data: Buffer) => createHmac(prf.name, key).update(data).digest();
  let block = mac(Buffer.concat([seed, Buffer.of(1)]));
  let output = block;
  for (let n = 2; output.length < length; n++) {
    block = mac(Buffer.concat([block, seed, Buffer.of(n)]));
    output = Buffer.concat([output, block]);
  }
  return output.subarray(0, length);
}

it.each(prfs)("prf+ equals its definition ($name)", (prf) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 600 }),
      fc.integer({ min: 0, max: 700 }),
      (key, seed, length) => {
        expect(toHex(prfPlus(prf, key, seed, length))).toBe(slowPrfPlus(prf, key, seed, length).toString("hex"));
      },
    ),
    { numRuns: 100, interruptAfterTimeLimit: 5000 },
  );
});

it("prf+ ends at 255 blocks", () => {
  expect(prfPlus(PRFS.sha256, hex("00"), hex("00"), 255 * 32)).toHaveLength(255 * 32);
  expect(() => prfPlus(PRFS.sha256, hex("00"), hex("00"), 255 * 32 + 1)).toThrow(RangeError);
});
