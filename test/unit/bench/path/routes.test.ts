import { describe, expect, it } from "vitest";
import { generated, parse, routes, sequence } from "../../../../bench/path/routes.ts";

const text = ({ address, length }: { address: Uint8Array; length: number }) => `${address.join(".")}/${length}`;

describe("routing tables to measure with", () => {
  it("has prefixes out of a text", () => {
    expect(parse("192.0.2.0/24")).toEqual({ address: Uint8Array.of(192, 0, 2, 0), length: 24 });
    const six = (text: string) => [Buffer.from(parse(text).address).toString("hex"), parse(text).length];
    expect(six("2001:db8::/32")).toEqual(["20010db8000000000000000000000000", 32]);
    expect(six("::/0")).toEqual(["00000000000000000000000000000000", 0]);
    expect(six("2001:db8:1:2:3:4:5:6/128")).toEqual(["20010db8000100020003000400050006", 128]);
    expect(six("2001:db8::5:6/127")).toEqual(["20010db8000000000000000000050006", 127]);
  });

  it("generates as many as asked, each once, that a FIB takes, the same every time", () => {
    const list = generated(5000);
    expect(list).toHaveLength(5000);
    expect(new Set(list.map(text)).size).toBe(5000);
    for (const { address, length } of list) {
      expect(length).toBeGreaterThanOrEqual(16);
      expect(length).toBeLessThanOrEqual(24);
      const value = ((address[0]! << 24) | (address[1]! << 16) | (address[2]! << 8) | address[3]!) >>> 0;
      expect(value & (0xffffffff >>> length)).toBe(0);
      expect([0, 127].includes(address[0]!) || address[0]! >= 224).toBe(false);
    }
    expect(generated(100)).toEqual(list.slice(0, 100));
    expect(routes(10)).toEqual(list.slice(0, 10));
  });

  it("draws the same numbers from the same seed, and 32 bits of them", () => {
    const [a, b] = [sequence(7), sequence(7)];
    const drawn = Array.from({ length: 1000 }, a);
    expect(drawn).toEqual(Array.from({ length: 1000 }, b));
    expect(drawn.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(true);
    expect(new Set(drawn).size).toBe(1000);
  });
});
