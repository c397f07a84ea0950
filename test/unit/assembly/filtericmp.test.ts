import { describe, expect, it } from "vitest";
import { errorAbout, FilterBed, packetOf, rules, segment } from "./filterbed.ts";
import { ACK, type Seen, SYN } from "./filteroracle.ts";
import { extension, ip } from "./packets.ts";

const WEB = { protocol: 6, ports: [443, 443] as const };

const bedOf = (texts: Parameters<typeof rules>[0], defaults: Parameters<typeof rules>[1] = {}) =>
  new FilterBed(rules(texts, defaults), { sas: 2 });

const SIX = { from: "fd00:1::1", to: "fd00:2::1" } as const;

const FOUR = { from: "10.1.0.1", to: "10.2.0.1" } as const;

describe("ICMP errors", () => {
  const flow: Seen = { direction: "in", ...FOUR, what: { kind: "tcp", ports: [40000, 443], flags: SYN } };
  const answer = packetOf({
    direction: "out",
    from: FOUR.to,
    to: FOUR.from,
    what: { kind: "tcp", ports: [443, 40000], flags: SYN | ACK },
  });
  const flow6: Seen = { ...flow, ...SIX };

  it("pass with the flow that they quote, both ways, through rules that drop all else; so path MTU discovery works", () => {
    const bed = bedOf([WEB], { out: "drop" });
    const opened = packetOf(flow);
    expect(bed.send("in", opened)).toBe("pass");
    expect(bed.send("out", answer)).toBe("pass");
    // A router far away about the server's packet, and one near it about the client's.
    expect(bed.send("in", errorAbout(answer, "10.1.9.9", FOUR.to, 3, 4, 28))).toBe("pass");
    expect(bed.send("out", errorAbout(opened, "10.2.9.9", FOUR.from, 11, 0))).toBe("pass");
    // Not to somebody else, not the same way, not about another flow, not another type, not too short.
    expect(bed.send("in", errorAbout(answer, "10.1.9.9", "10.2.0.77", 3, 4))).toBe("filtered");
    expect(bed.send("in", errorAbout(opened, "10.1.9.9", FOUR.from.replace("10.1", "10.2"), 3, 4))).toBe("filtered");
    const strange = packetOf({ ...flow, what: { kind: "tcp", ports: [40001, 443], flags: SYN } });
    expect(bed.send("out", errorAbout(strange, "10.2.9.9", FOUR.from, 3, 3))).toBe("filtered");
    expect(bed.send("in", errorAbout(answer, "10.1.9.9", FOUR.to, 5, 1))).toBe("filtered");
    expect(bed.send("in", errorAbout(answer, "10.1.9.9", FOUR.to, 3, 4, 27))).toBe("filtered");
    bed.change(rules([], { out: "drop" }));
    expect(bed.send("in", errorAbout(answer, "10.1.9.9", FOUR.to, 3, 4))).toBe("filtered");
    expect(bed.router.counters()["flow-cut"]).toBe(1);
  });

  it("of IPv6, behind extension headers, and about an echo", () => {
    const bed = bedOf([{ ...WEB, prefix: "::/0" }], { out: "drop" });
    expect(bed.send("in", packetOf(flow6))).toBe("pass");
    const { from, to } = SIX;
    const long = ip({
      from: to,
      to: from,
      protocol: 6,
      extensions: [extension(60, 16)],
      payload: segment([443, 40000], ACK),
    });
    expect(bed.send("in", errorAbout(long, "fd00:1::99", to, 2, 0, 100))).toBe("pass");
    // The chain must end within what is quoted.
    expect(bed.send("in", errorAbout(long, "fd00:1::99", to, 2, 0, 60))).toBe("filtered");
    const ping: Seen = { direction: "in", from, to, what: { kind: "echo", id: 5, reply: false } };
    bed.change(rules([{ protocol: 58, prefix: "::/0" }], { out: "drop" }));
    expect(bed.send("in", packetOf(ping))).toBe("pass");
    expect(bed.send("out", errorAbout(packetOf(ping), "fd00:2::99", from, 3, 0))).toBe("pass");
  });

  it("without a flow are for the rules, and open none", () => {
    const bed = bedOf([{ protocol: 1 }]);
    const stray = errorAbout(answer, "10.1.9.9", FOUR.to, 3, 4);
    expect(bed.send("in", stray)).toBe("pass");
    expect(bed.hits()).toEqual([1, 0, 0]);
    expect(bed.router.counters()["flow-opened"]).toBeUndefined();
  });
});
