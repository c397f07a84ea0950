import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeDeviceKey, readDeviceKey } from "../../../src/protocol/key.ts";
import { deviceName, readDeviceName } from "../../../src/protocol/name.ts";

const fresh = () => makeDeviceKey((length) => randomBytes(length));
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

describe("a device key", () => {
  it("has five groups of five, and its bytes are those that were drawn", () => {
    for (let i = 0; i < 200; i++) {
      const drawn: Uint8Array[] = [];
      const key = makeDeviceKey((length) => {
        const bytes = randomBytes(length);
        drawn.push(bytes);
        return bytes;
      });
      expect(key).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}$/);
      expect(Buffer.from(readDeviceKey(key) as Uint8Array)).toEqual(Buffer.from(drawn.at(-1) as Uint8Array));
    }
  });

  it("is read in small letters, without hyphens, with O for 0 and I or L for 1", () => {
    const key = makeDeviceKey((length) => Uint8Array.from({ length }, (_, i) => (i === 3 ? 0x08 : i === 9 ? 0x42 : 0)));
    const bytes = readDeviceKey(key);
    expect(bytes).toBeInstanceOf(Uint8Array);
    const sloppy = ` ${key.toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l")}\n`;
    expect(sloppy).toMatch(/o/);
    expect(readDeviceKey(sloppy)).toEqual(bytes);
  });

  it("every wrong letter and every swap of neighbours is found", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 24 }), fc.integer({ min: 1, max: 31 }), (at, shift) => {
        const letters = [...fresh().replaceAll("-", "")];
        const wrong = [...letters];
        wrong[at] = ALPHABET[(ALPHABET.indexOf(letters[at]) + shift) % 32];
        expect(readDeviceKey(wrong.join(""))).toBeTypeOf("string");
        if (at < 24 && letters[at] !== letters[at + 1]) {
          [letters[at], letters[at + 1]] = [letters[at + 1], letters[at]];
          expect(readDeviceKey(letters.join(""))).toBeTypeOf("string");
        }
      }),
    );
  });

  it("what is no key is refused in words that do not show it", () => {
    expect(readDeviceKey("")).toContain("this has 0");
    expect(readDeviceKey("7Q2MX")).toContain("this has 5");
    const text = readDeviceKey(`${"U".repeat(24)}0`);
    expect(text).toBe("character 1 stands in no device key");
  });
});

describe("the name of a device in certificates", () => {
  it("is read as it was written", () => {
    expect(deviceName("vcpe0123456789ab", 12)).toBe("vcpe0123456789ab-12.device.vcpe");
    expect(readDeviceName("vcpe0123456789ab-12.device.vcpe")).toEqual({ serial: "vcpe0123456789ab", generation: 12 });
  });

  it.each([
    "",
    "a.device.vcpe",
    "a-0.device.vcpe",
    "a-01.device.vcpe",
    "a-1.device.vcpe.",
    "A-1.device.vcpe",
    "x.a-1.device.vcpe",
    "a-1.device.vcpe, DNS:b-1.device.vcpe",
  ])("%s is none", (text) => expect(readDeviceName(text)).toBeUndefined());
});
