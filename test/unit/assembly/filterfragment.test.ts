import { describe, expect, it } from "vitest";
import { FilterBed, rules, segment } from "./filterbed.ts";
import { SYN } from "./filteroracle.ts";
import { extension, fragmentHeader, ip, udp } from "./packets.ts";

const WEB = { protocol: 6, ports: [443, 443] as const };

const DNS = { protocol: 17, ports: [53, 53] as const };

const bedOf = (texts: Parameters<typeof rules>[0], defaults: Parameters<typeof rules>[1] = {}) =>
  new FilterBed(rules(texts, defaults), { sas: 2 });

const SIX = { from: "fd00:1::1", to: "fd00:2::1" } as const;

const FOUR = { from: "10.1.0.1", to: "10.2.0.1" } as const;

describe("fragments", () => {
  const datagram = udp(1000, 53, Buffer.alloc(64, 5));
  const four = (id: number) => [
    ip({ ...FOUR, id, mf: true, payload: datagram.subarray(0, 32) }),
    ip({ ...FOUR, id, offset: 32, mf: true, payload: datagram.subarray(32, 48) }),
    ip({ ...FOUR, id, offset: 48, payload: datagram.subarray(48) }),
  ];
  const six = (id: number) => [
    ip({ ...SIX, extensions: [fragmentHeader(0, true, id)], payload: datagram.subarray(0, 32) }),
    ip({ ...SIX, extensions: [fragmentHeader(32, true, id)], payload: datagram.subarray(32, 48) }),
    ip({ ...SIX, extensions: [fragmentHeader(48, false, id)], payload: datagram.subarray(48) }),
  ];
  const both = [DNS, { ...DNS, prefix: "::/0" }];

  for (const [name, cut] of [
    ["IPv4", four],
    ["IPv6", six],
  ] as const) {
    it(`${name}: the first decides for all; those before it, and those of others, are dropped`, () => {
      const bed = bedOf(both);
      const [first, second, third] = cut(7) as [Buffer, Buffer, Buffer];
      expect(bed.send("in", second)).toBe("filter-fragment");
      expect(["in", "in", "in"].map((way, i) => bed.send(way as "in", cut(7)[i]!))).toEqual(["pass", "pass", "pass"]);
      expect(bed.send("in", second)).toBe("pass");
      expect(bed.send("in", cut(8)[1]!)).toBe("filter-fragment");
      bed.router.at(1_029_000);
      expect(bed.send("in", third)).toBe("pass");
      bed.router.at(1_030_000);
      expect(bed.send("in", third)).toBe("filter-fragment");
      bed.change(rules([]));
      expect(bed.send("in", first)).toBe("filtered");
    });

    it(`${name}: not after the rules have changed, nor the other way`, () => {
      const bed = bedOf(both);
      const [first, second] = cut(7) as [Buffer, Buffer];
      expect(bed.send("in", first)).toBe("pass");
      bed.change(rules(both));
      expect(bed.send("in", second)).toBe("filter-fragment");
    });
  }

  it("are judged by the first one's rule, and dropped without it", () => {
    const bed = bedOf([]);
    expect(four(9).map((fragment) => bed.send("in", fragment))).toEqual([
      "filtered",
      "filter-fragment",
      "filter-fragment",
    ]);
  });

  it("may not overwrite the TCP header that was judged (RFC 3128)", () => {
    const bed = bedOf([WEB]);
    const bytes = segment([1000, 443], SYN, "x".repeat(44));
    expect(bed.send("in", ip({ ...FOUR, protocol: 6, id: 3, mf: true, payload: bytes.subarray(0, 24) }))).toBe("pass");
    for (const offset of [8, 16]) {
      const over = ip({ ...FOUR, protocol: 6, id: 3, offset, payload: bytes.subarray(offset) });
      expect(bed.send("in", over)).toBe("filter-fragment");
    }
    expect(bed.send("in", ip({ ...FOUR, protocol: 6, id: 3, offset: 24, payload: bytes.subarray(24) }))).toBe("pass");
  });

  describe("of IPv6 that overlap the headers that were judged", () => {
    const bytes = segment([1000, 443], SYN, "x".repeat(44));
    const web = [{ ...WEB, prefix: "::/0" }];
    const first = (extensions: Parameters<typeof ip>[0]["extensions"], id = 4) =>
      ip({
        ...SIX,
        protocol: 6,
        extensions: [fragmentHeader(0, true, id), ...extensions!],
        payload: bytes.subarray(0, 24),
      });
    const later = (offset: number, protocol: number, id = 4) =>
      ip({ ...SIX, protocol, extensions: [fragmentHeader(offset, false, id)], payload: bytes.subarray(0, 24) });

    it("are dropped, whatever protocol they say to be of", () => {
      const bed = bedOf(web);
      expect(bed.send("in", first([]))).toBe("pass");
      for (const protocol of [6, 17, 60, 59, 253]) {
        for (const offset of [8, 16]) expect(bed.send("in", later(offset, protocol))).toBe("filter-fragment");
        expect(bed.send("in", later(24, protocol))).toBe("pass");
      }
    });

    it("are dropped where the header stands behind options, and where several first ones differ", () => {
      const bed = bedOf(web);
      expect(bed.send("in", first([extension(60, 64)]))).toBe("pass");
      for (const offset of [24, 56, 64, 80]) expect(bed.send("in", later(offset, 6))).toBe("filter-fragment");
      expect(bed.send("in", later(88, 6))).toBe("pass");
      expect(bed.send("in", first([]))).toBe("pass");
      expect(bed.send("in", later(64, 6))).toBe("filter-fragment");
      expect(bed.send("in", later(88, 6))).toBe("pass");
    });

    it("and none passes behind more options than anybody needs", () => {
      const bed = bedOf(web);
      expect(bed.send("in", first([extension(60, 512)]))).toBe("pass");
      expect(bed.send("in", later(1024, 6))).toBe("filter-fragment");
      // Not even when there is another first one.
      expect(bed.send("in", first([]))).toBe("pass");
      expect(bed.send("in", later(1024, 6))).toBe("filter-fragment");
    });
  });
});
