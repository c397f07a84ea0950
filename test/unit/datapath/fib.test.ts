import { describe, expect, it } from "vitest";
import { FibInvalid } from "../../../src/datapath/fib.ts";
import { fibBed, parse } from "../assembly/fibbed.ts";

describe("Fib", () => {
  it("sets, replaces, finds and removes", () => {
    const { fib } = fibBed(1 << 20);
    fib.set(7, parse("192.0.2.0/24"), 1);
    fib.set(7, parse("192.0.2.0/24"), 2);
    fib.set(7, parse("2001:db8::/48"), 3);
    expect(fib.lookup(7, parse("192.0.2.77").address)).toBe(2);
    expect(fib.lookup(7, parse("2001:db8::77").address)).toBe(3);
    expect(fib.lookup(6, parse("192.0.2.77").address)).toBe(0);
    expect(fib.stats()).toMatchObject({ routes4: 1, routes6: 1, waiting: 0 });
    expect(fib.remove(7, parse("192.0.2.0/25"))).toBe(false);
    expect(fib.remove(7, parse("192.0.2.0/24"))).toBe(true);
    expect(fib.remove(7, parse("192.0.2.0/24"))).toBe(false);
    expect(fib.lookup(7, parse("192.0.2.77").address)).toBe(0);
  });

  it("refuses what can't be a route, with a reason", () => {
    const { fib } = fibBed(1 << 20);
    const refused = (run: () => void, reason: RegExp) => {
      expect(run).toThrow(FibInvalid);
      expect(run).toThrow(reason);
    };
    refused(() => fib.set(4096, parse("192.0.2.0/24"), 1), /VRF 4096/);
    refused(() => fib.set(-1, parse("192.0.2.0/24"), 1), /VRF -1/);
    refused(() => fib.set(0, parse("192.0.2.1/24"), 1), /192\.0\.2\.1\/24 has bits set beyond its length/);
    refused(() => fib.set(0, parse("192.0.2.128/24"), 1), /beyond its length/);
    refused(() => fib.set(0, parse("2001:db8::1/127"), 1), /2001:db8:0:0:0:0:0:1\/127/);
    refused(() => fib.set(0, { address: Uint8Array.of(10, 0, 0, 0), length: 33 }, 1), /0 to 32/);
    refused(() => fib.set(0, { address: Uint8Array.of(10, 0, 0, 0), length: 1.5 }, 1), /0 to 32/);
    refused(() => fib.set(0, { address: Uint8Array.of(10, 0, 0), length: 8 }, 1), /3 bytes/);
    refused(() => fib.set(0, parse("192.0.2.0/24"), 0), /Adjacency 0/);
    refused(() => fib.set(0, parse("192.0.2.0/24"), 2 ** 23), /Adjacency 8388608/);
    refused(() => fib.lookup(0, new Uint8Array(5)), /5 bytes/);
    expect(fib.stats()).toMatchObject({ nodes: 0, routes4: 0, routes6: 0 });
  });

  it("takes the longest prefixes and the largest adjacency", () => {
    const { fib } = fibBed(1 << 20);
    fib.set(0, parse("255.255.255.255/32"), 2 ** 23 - 1);
    fib.set(0, parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), 2 ** 23 - 2);
    expect(fib.lookup(0, parse("255.255.255.255").address)).toBe(2 ** 23 - 1);
    expect(fib.lookup(0, parse("255.255.255.254").address)).toBe(0);
    expect(fib.lookup(0, parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").address)).toBe(2 ** 23 - 2);
    expect(fib.lookup(0, parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe").address)).toBe(0);
  });
});
