/** `vcpe bench report`: the page, the picture for the README, the tables for the README. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { BenchFault } from "../fault.ts";
import { machineLine } from "../machine.ts";
import type { NetResult } from "../net/net.ts";
import { isOurs, slowerPerCore } from "../net/ratios.ts";
import { kept } from "../results.ts";
import { chart } from "./chart.ts";
import { markdown } from "./markdown.ts";
import { page } from "./page.ts";

export interface ReportOptions {
  /** The page. */
  readonly output: string;
  /** Also write the picture for the README here. */
  readonly svg?: string;
}

/** Writes the page, and the picture for the README. @returns the files written. @throws BenchFault no-results */
export function writeReport({ output, svg }: ReportOptions): string[] {
  const results = kept();
  const put = (file: string, text: string) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const files = [put(output, page(results))];
  if (svg !== undefined) files.push(put(svg, `${picture(results.net)}\n`));
  return files;
}

/** The tables for the README. @throws BenchFault no-results */
export function reportMarkdown(): string {
  const text = markdown(kept());
  if (text !== "") return text;
  throw new BenchFault("no-results", "There is nothing to show.", "Run `vcpe bench net` or `vcpe bench spec` first.");
}

/** 1024-byte UDP with GRO forwarding, per CPU second. @throws BenchFault no-results */
export function picture(net: NetResult | undefined): string {
  const rows = net?.rows.filter((row) => row.test === "udp-1024" && row.pin && row.offload) ?? [];
  const bars = rows.flatMap((row) => {
    const value = slowerPerCore(row);
    return value === null ? [] : [{ label: row.system, value, ours: isOurs(row.system) }];
  });
  if (net === undefined || bars.length === 0) {
    throw new BenchFault("no-results", "There is nothing to draw for the README.", "Run `vcpe bench net` first.");
  }
  const title = "1024-byte UDP, GRO forwarding on: Mbit/s per CPU second of the slower router";
  return chart({ title, note: machineLine(net.machine), unit: "Mbit/s", bars, ground: true });
}
