import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ageLimits, outgrown } from "../../../src/router/age.ts";
import { readable } from "../../../src/router/log.ts";
import { innerMtu } from "../../../src/router/overhead.ts";
import { selectorText } from "../../../src/router/status/report.ts";

/** Bytes of the outer packet that carries an inner one: IP, UDP, ESP header, IV, ICV; and what is padded to 4 bytes. */
function outerLength(inner: number, outerFamily: 4 | 6): number {
  return (outerFamily === 4 ? 20 : 40) + 8 + 8 + 8 + 16 + Math.ceil((inner + 2) / 4) * 4;
}

describe("the tunnel MTU", () => {
  // 1500 − 20 − 8 − 8 − 8 − 16 = 1440 for text and trailer, of which 2 bytes are trailer; IPv6 takes 20 more.
  it.each([
    [1500, 4, 1438],
    [1500, 6, 1418],
    [1280, 6, 1198],
    [1492, 4, 1430],
    [1499, 4, 1434],
    [9000, 4, 8938],
  ] as const)("of a path of %i bytes, IPv%i outside, is %i", (path, family, inner) =>
    expect(innerMtu(path, family)).toBe(inner),
  );

  it("is the largest that fits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 65535 }), fc.constantFrom(4 as const, 6 as const), (path, family) => {
        const inner = innerMtu(path, family);
        expect(outerLength(inner, family)).toBeLessThanOrEqual(path);
        expect(outerLength(inner + 1, family)).toBeGreaterThan(path);
      }),
    );
  });
});

describe("the age of a Child SA", () => {
  const configured = { packets: 2 ** 32, bytes: 2 ** 40 };
  const traffic = { packets: 0, bytes: 0, last: 0, sequence: 0n, replayed: 0, forged: 0 };

  it("never reaches the end of the sequence numbers without ESN", () => {
    expect(ageLimits(configured, false, 0).packets).toBe(2 ** 31);
    expect(ageLimits(configured, true, 0).packets).toBe(2 ** 32);
    expect(ageLimits({ ...configured, packets: 5000 }, false, 0).packets).toBe(5000);
  });

  it("takes off up to a tenth at random", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (random, esn) => {
        const whole = ageLimits(configured, esn, 0);
        const less = ageLimits(configured, esn, random);
        for (const key of ["packets", "bytes"] as const) {
          expect(less[key]).toBeLessThanOrEqual(whole[key]);
          expect(less[key]).toBeGreaterThanOrEqual(Math.floor(whole[key] * 0.9));
        }
      }),
    );
  });

  it("is told by packets and by bytes", () => {
    const limits = { packets: 1000, bytes: 5000 };
    expect(outgrown({ ...traffic, sequence: 999n, bytes: 4999 }, limits)).toBeUndefined();
    expect(outgrown({ ...traffic, sequence: 1000n }, limits)).toBe("packets");
    expect(outgrown({ ...traffic, bytes: 5000 }, limits)).toBe("bytes");
  });
});

describe("texts for people", () => {
  it("show a log line without its braces", () => {
    const line = JSON.stringify({
      level: 40,
      time: Date.parse("2026-01-01T12:34:56.789Z"),
      name: "branch-a",
      tunnel: "to-gateway",
      what: "two words",
      mtu: 1438,
      err: { message: "no way" },
      msg: "could not",
    });
    expect(readable(line, false)).toBe(
      '12:34:56.789 warn  could not — no way tunnel=to-gateway what="two words" mtu=1438',
    );
    expect(readable(line, true)).toContain("\x1b[33mwarn \x1b[0m");
  });

  it.each([
    [{ protocol: 0, portLow: 0, portHigh: 65535 }, "10.0.0.0/8"],
    [{ protocol: 6, portLow: 443, portHigh: 443 }, "10.0.0.0/8 protocol 6 port 443"],
    [{ protocol: 17, portLow: 1, portHigh: 9 }, "10.0.0.0/8 protocol 17 port 1-9"],
    [{ protocol: 6, portLow: 65535, portHigh: 0 }, "10.0.0.0/8 protocol 6 port opaque"],
  ])("show the selector %o as %s", (ports, text) =>
    expect(selectorText({ ...ports, low: Uint8Array.of(10, 0, 0, 0), high: Uint8Array.of(10, 255, 255, 255) })).toBe(
      text,
    ),
  );
});
