/** The page, the picture and the Markdown out of results. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chart, figure } from "../../../bench/report/chart.ts";
import { markdown } from "../../../bench/report/markdown.ts";
import { page } from "../../../bench/report/page.ts";
import { picture } from "../../../bench/report/report.ts";
import { keep, kept } from "../../../bench/results.ts";
import { net, ROWS, row, SPEC } from "./rows.ts";

const BARS = [
  { label: "ours & mine", value: 1234.5, ours: true },
  { label: "theirs", value: 12.34, ours: false, note: "3 % lost" },
];

describe("a chart", () => {
  it("shows each bar with its figure, and escapes what it is given", () => {
    const svg = chart({ title: "A < B", note: "more is better", unit: "Mbit/s", bars: BARS });
    expect(svg).toMatch(/^<svg /);
    expect(svg).toContain("1,235 Mbit/s");
    expect(svg).toContain("12.3 Mbit/s, 3 % lost");
    expect(svg).toContain("A &#60; B");
    expect(svg).toContain("ours &amp; mine");
    expect(svg).toContain("var(--ours)");
    expect(svg).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });

  it("brings its colours along when it stands alone", () => {
    const alone = chart({ title: "t", note: "n", unit: "ns", bars: BARS, ground: true });
    expect(alone).toContain("prefers-color-scheme:dark");
    expect(chart({ title: "t", note: "n", unit: "ns", bars: BARS })).not.toContain("<style");
  });

  it("draws longer bars for larger values, also on a logarithmic scale", () => {
    for (const logarithmic of [false, true]) {
      const svg = chart({ title: "t", note: "n", unit: "ns", bars: BARS, logarithmic });
      const widths = [...svg.matchAll(/<path d="([^"]*)" fill="var\(--(?:ours|other)\)"/g)].map((match) =>
        Math.max(...[...match[1]!.matchAll(/[ML](-?[\d.]+)/g)].map((each) => Number(each[1]))),
      );
      expect(widths).toHaveLength(2);
      expect(widths[0]).toBeGreaterThan(widths[1]!);
    }
  });

  it("rounds figures to three places", () => {
    expect([1234.5, 12.34, 0.12345].map(figure)).toEqual(["1,235", "12.3", "0.123"]);
  });
});

describe("the page", () => {
  it("says so when nothing was measured", () => {
    expect(page({})).toContain("Nothing was measured yet");
  });

  it("has targets, ratios, charts, the machine and the command, and needs nothing from elsewhere", () => {
    const text = page({ net: net([...ROWS]), spec: SPEC });
    expect(text).toContain("<h2>Targets</h2>");
    expect(text).toContain("✓ reached");
    expect(text).toContain("✗ not reached");
    expect(text).toContain("1.5 · 2");
    expect(text).toContain("<code>vcpe bench net</code>");
    expect(text).toContain("A CPU (KVM), 2 cores, 4 GB, Linux 6.18.0");
    expect(text).toContain("Confined by cgroup v1.");
    expect(text.match(/<svg /g)).toHaveLength(3);
    expect(text).not.toMatch(/<script|<link|src=|@import|https?:\/\/(?!www\.w3\.org)/);
  });

  it("names what was lost and what could not be measured", () => {
    const lossy = net([row("openvpn 2.6.14", 100, [1, 1], { lossPct: 7.5 })], {
      failed: [{ system: "strongswan", why: "no <charon>" }],
    });
    const text = page({ net: lossy });
    expect(text).toContain("7.5 % lost");
    expect(text).toContain("strongswan was not measured: no &#60;charon&#62;");
  });
});

describe("for the README", () => {
  it("there is a table with the machine and the command", () => {
    const lines = markdown({ net: net([...ROWS]), spec: SPEC }).split("\n");
    expect(lines[0]).toBe(
      "| Mbit/s · per core second tx / rx | 1024-byte UDP, GRO forwarding on | RTT added, ms | RSS, MB |",
    );
    expect(lines).toContain("| vcpe chacha20poly1305 | 1,800 · 5,000 / 4,000 | – | 140 |");
    expect(lines).toContain("| plain forwarding | 2,800 | – | – |");
    expect(lines).toContain("| 2 cores, 4 GB | 350 | 340 | 0.97 × | no |");
    expect(lines.some((line) => line.startsWith("`vcpe bench net` on A CPU (KVM), 2 cores"))).toBe(true);
    expect(markdown({})).toBe("");
  });

  it("the command does not say where a program lay", () => {
    const command = "vcpe bench net --wireguard-go /opt/new/wireguard-go";
    expect(markdown({ net: net([...ROWS], { command }) })).toContain("`vcpe bench net --wireguard-go wireguard-go` on");
  });

  it("there is a picture, but not of nothing", () => {
    expect(picture(net([...ROWS]))).toContain("4,000 Mbit/s");
    expect(() => picture(undefined)).toThrow(/Run `vcpe bench net` first/);
    expect(() => picture(net([]))).toThrow(/nothing to draw/);
  });
});

describe("kept results", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vcpe-results-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("are read as they were kept, the newest of each kind", () => {
    expect(kept(join(folder, "absent"))).toEqual({});
    keep("spec", { rows: [] }, folder);
    keep("spec", SPEC, folder);
    expect(kept(folder)).toEqual({ spec: SPEC });
  });
});
