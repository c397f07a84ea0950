import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contains,
  formatAddress,
  formatPrefix,
  formatRange,
  parseAddress,
  parsePrefix,
  prefixOf,
  rangeOf,
} from "../../../src/router/address.ts";

const bytes = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Zero words in all places, where "::" is decided.
  fc.array(fc.constantFrom(0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 }).map((words) => {
    const all = new Uint8Array(16);
    for (const [i, word] of words.entries()) all.set([word >> 8, word & 0xff], 2 * i);
    return all;
  }),
);

describe("addresses", () => {
  // RFC 5952 §4 and §5.
  it.each([
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8::AbCd", "2001:db8::abcd"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
    ["192.0.2.1", "192.0.2.1"],
  ])("%s is written %s", (text, canonical) => expect(formatAddress(parseAddress(text)!)).toBe(canonical));

  it.each(["", "1.2.3", "1.2.3.4.5", "256.0.0.1", ":::", "1::2::3", "fe80::1%eth0", "12345::", "gw.test"])(
    "%s is no address",
    (text) => expect(parseAddress(text)).toBeUndefined(),
  );

  it("come back from text as they were", () => {
    fc.assert(
      fc.property(bytes, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  it("never throw on any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:./]{0,50}$/)), (text) => {
        parseAddress(text);
        parsePrefix(text);
      }),
    );
  });
});

describe("prefixes", () => {
  it.each([
    ["10.1.0.5/24", "write 10.1.0.0/24"],
    ["10.1.0.5", "write 10.1.0.5/32"],
    ["fd00::1/64", "write fd00::/64"],
    ["10.0.0.0/33", "at most 32 bits"],
    ["fd00::/129", "at most 128 bits"],
    ["x/24", "not an IPv4 or IPv6 address"],
    ["10.0.0.0/", "is not a prefix"],
  ])("%s: %s", (text, message) => expect(parsePrefix(text)).toContain(message));

  it("hold exactly the addresses between their first and last", () => {
    fc.assert(
      fc.property(bytes, fc.nat(128), bytes, (address, cut, other) => {
        const length = Math.min(cut, address.length * 8);
        const masked = address.slice();
        for (let bit = length; bit < address.length * 8; bit++) masked[bit >> 3] &= ~(0x80 >> (bit & 7));
        const prefix = { address: masked, length };
        expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
        const { low, high } = rangeOf(prefix);
        expect(formatRange(low, high)).toBe(formatPrefix(prefix));
        if (other.length !== address.length) return;
        const inside = Buffer.compare(low, other) <= 0 && Buffer.compare(other, high) <= 0;
        expect(contains(prefix, { address: other, length: other.length * 8 })).toBe(inside);
      }),
    );
  });

  it("show a range that is no prefix by its ends", () => {
    expect(formatRange(parseAddress("10.0.0.1")!, parseAddress("10.0.0.6")!)).toBe("10.0.0.1-10.0.0.6");
    expect(formatRange(prefixOf("0.0.0.0/0").address, parseAddress("255.255.255.255")!)).toBe("0.0.0.0/0");
  });
});
