/** Ratios, targets and the table of bench net. */
import { describe, expect, it } from "vitest";
import { ratios } from "../../../bench/net/ratios.ts";
import { netLines } from "../../../bench/net/text.ts";
import { newestWireguard, targetLines, targets } from "../../../bench/targets.ts";
import { net, ROWS, row, SPEC } from "./rows.ts";

const CHACHA = "vcpe chacha20poly1305";

describe("ratios", () => {
  it("are ours by theirs, per core by the slower router of each", () => {
    const found = ratios(ROWS).find((one) => one.system === CHACHA && one.against === "wireguard-go 0.0.20250522");
    expect(found).toEqual({
      system: CHACHA,
      against: "wireguard-go 0.0.20250522",
      test: "udp-1024",
      pin: true,
      offload: true,
      goodput: 1.5,
      perCore: 2,
    });
  });

  it("compare each of ours with each of the others, and rows with the same test and settings only", () => {
    expect(ratios(ROWS)).toHaveLength(2 * 4);
    expect(ratios([row(CHACHA, 1, [1, 1]), row("openvpn", 1, [1, 1], { offload: false })])).toEqual([]);
    expect(ratios([row(CHACHA, 1, [1, 1]), row("openvpn", 1, [1, 1], { pin: false })])).toEqual([]);
    expect(ratios([row(CHACHA, 1, [1, 1]), row("openvpn", 1, [1, 1], { test: "tcp-1" })])).toEqual([]);
  });

  it("are null where there is nothing to divide by", () => {
    const [plain] = ratios([row(CHACHA, 1000, [1, 1]), row("plain forwarding", 2000, null)]);
    expect(plain).toMatchObject({ goodput: 0.5, perCore: null });
    const [dead] = ratios([row(CHACHA, 1000, [1, 1]), row("openvpn", 0, [0, 0])]);
    expect(dead).toMatchObject({ goodput: null, perCore: null });
  });
});

describe("targets", () => {
  it("take the newest wireguard-go", () => {
    expect(newestWireguard([...ROWS].reverse())).toBe("wireguard-go 0.0.20250522");
    expect(newestWireguard([row(CHACHA, 1, null)])).toBeUndefined();
  });

  it("say what was reached, and nothing of what was not measured", () => {
    const list = targets({ net: net([...ROWS]) });
    const on = list.filter((target) => target.what.startsWith("1024-byte UDP, GRO forwarding on"));
    expect(on.map(({ target, reached, ok }) => [target, reached, ok])).toEqual([
      ["≥ 1.3 ×", "2 ×", true],
      ["≥ 4,000 Mbit/s", "4,000 Mbit/s", true],
    ]);
    const off = list.filter((target) => target.what.startsWith("1024-byte UDP, one packet a read"));
    expect(off.map(({ reached, ok }) => [reached, ok])).toEqual([
      [null, null],
      [null, null],
      [null, null],
    ]);
    for (const target of list) if (target.bench !== "net") expect(target.ok).toBeNull();
  });

  it("are missed when they are missed", () => {
    const slow = net([row(CHACHA, 500, [0.5, 0.6]), row("wireguard-go 0.0.20250522", 500, [0.5, 0.5])]);
    const [against] = targets({ net: slow });
    expect(against).toMatchObject({ reached: "0.83 ×", ok: false });
    expect(targets({ spec: SPEC }).filter((target) => target.bench === "spec")).toMatchObject([
      { reached: "1,400 Mbit/s", ok: true },
      { reached: "340 Mbit/s", ok: false },
    ]);
  });

  it("hold the round-trip time against wireguard-go's of the same run, the worst setting", () => {
    const wireguard = "wireguard-go 0.0.20250522";
    const rows = [
      row(CHACHA, 1, [1, 1], { rttAddedMs: 0.1 }),
      row(wireguard, 1, [1, 1], { rttAddedMs: 0.2 }),
      row(CHACHA, 1, [1, 1], { rttAddedMs: 0.4, offload: false }),
      row(wireguard, 1, [1, 1], { rttAddedMs: 0.3, offload: false }),
    ];
    const rtt = targets({ net: net(rows) }).find((target) => target.what.startsWith("RTT"));
    expect(rtt).toMatchObject({ target: "≤ 0.3 ms", reached: "0.4 ms", ok: false });
  });

  it("name the bench that would answer", () => {
    const lines = targetLines(targets({}));
    expect(lines.slice(1).every((line) => line.endsWith("not measured"))).toBe(true);
    for (const bench of ["net", "path", "soak", "micro", "spec"]) {
      expect(lines.some((line) => line.startsWith(bench))).toBe(true);
    }
  });
});

describe("the table of bench net", () => {
  it("has a dash where the kernel is the router, and figures per core", () => {
    const lines = netLines(net([...ROWS]));
    expect(lines[1]).toMatch(/^plain forwarding +udp-1024 +pinned +on +2800\.0 +0\.000 +– +– +– +– +0\.100 +–$/);
    expect(lines[2]).toMatch(/^vcpe chacha20poly1305 .* 0\.2000 +0\.2500 +5000 +4000 +0\.100 +140\.0$/);
  });

  it("has ratios of each of ours, and the targets that it answers", () => {
    const text = netLines(net([...ROWS])).join("\n");
    expect(text).toContain("vcpe chacha20poly1305 against the others");
    expect(text).toContain("vcpe aes128gcm16 against the others");
    expect(text).toContain("1.50 / 2.00 ×");
    expect(text).toContain("0.64 / – ×");
    expect(text).not.toContain("not measured");
  });

  it("says what could not be measured, and that it was interrupted", () => {
    const why = "`openvpn` is not installed.";
    const lines = netLines(net([...ROWS], { failed: [{ system: "openvpn", why }], interrupted: true }));
    expect(lines[0]).toContain("interrupted");
    expect(lines).toContain(`openvpn was not measured: ${why}`);
    expect(netLines(net([], { interrupted: true }))).toContain("nothing was measured");
  });
});
