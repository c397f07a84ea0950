/** `vcpe bench report`: the kept results as one self-contained HTML page. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { kept, type Machine } from "../machine.ts";
import type { MicroResult } from "../micro/micro.ts";
import type { NetResult, NetRow } from "../net/net.ts";
import type { SpecResult } from "../net/spec.ts";
import type { PathResult } from "../path/path.ts";
import type { SoakResult } from "../path/soak.ts";
import { chart, safe } from "./chart.ts";

/** The kinds that `vcpe bench` keeps; those that were not run are missing. */
export interface Results {
  readonly micro?: MicroResult;
  readonly path?: PathResult;
  readonly soak?: SoakResult;
  readonly net?: NetResult;
  readonly spec?: SpecResult;
}

const ours = (name: string) => name.startsWith("vcpe");

function on({ cpu, cores, memoryGb, kernel, node, date, loadBefore }: Machine): string {
  const day = date.slice(0, 10);
  return `${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, Node.js ${node}, ${day}, load ${loadBefore} when it began`;
}

/** Goodput by CPU second of the busier router, Mbit/s; undefined where the kernel is the router or nothing was counted. */
function perCore({ cpuSecondsPerGbit: { tx, rx } }: NetRow): number | undefined {
  const most = Math.max(tx ?? 0, rx ?? 0);
  return most > 0 ? 1000 / most : undefined;
}

function netCharts(net: NetResult): string[] {
  const groups = new Map<string, NetRow[]>();
  for (const row of net.rows) {
    const key = `${row.test}, ${row.pin ? "pinned" : "free"}, GRO forwarding ${row.offload ? "on" : "off"}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups].flatMap(([key, rows]) => {
    const bars = rows.map((row) => ({ label: row.system, value: row.goodputMbps, ours: ours(row.system) }));
    const efficient = rows.flatMap((row) => {
      const value = perCore(row);
      return value === undefined ? [] : [{ label: row.system, value, ours: ours(row.system) }];
    });
    const lossy = rows.filter((row) => row.test.startsWith("udp") && row.lossPct >= 0.5).map((row) => row.system);
    const note = lossy.length === 0 ? "goodput" : `goodput; more than 0.5 % was lost by ${lossy.join(", ")}`;
    const charts = [chart(key, note, "Mbit/s", bars)];
    if (efficient.length > 0) {
      charts.push(chart(`${key}: per core`, "goodput ÷ CPU seconds of the busier router", "Mbit/s", efficient));
    }
    return charts;
  });
}

function table(rows: readonly object[]): string {
  if (rows.length === 0) return "";
  const keys = Object.keys(rows[0]!);
  const cell = (value: unknown): string => {
    if (value === null || value === undefined) return "–";
    return typeof value === "object" ? Object.values(value).map(cell).join(" / ") : safe(String(value));
  };
  const line = (row: object) =>
    `<tr>${keys.map((key) => `<td>${cell((row as Record<string, unknown>)[key])}</td>`).join("")}</tr>`;
  const head = `<tr>${keys.map((key) => `<th>${safe(key)}</th>`).join("")}</tr>`;
  return `<div class="wide"><table>${head}${rows.map(line).join("")}</table></div>`;
}

/** The page for these results. */
export function page({ net, spec, path, soak, micro }: Results): string {
  const parts: string[] = [];
  const part = (title: string, about: string, ...content: string[]) =>
    parts.push(`<h2>${safe(title)}</h2><p>${safe(about)}</p>${content.join("\n")}`);
  if (net) {
    const failed = net.machine.failed.map(({ system, why }) => `${system} was not measured: ${why}`).join(". ");
    part("Whole routers: vcpe bench net", `${on(net.machine)}. ${failed}`, ...netCharts(net), table(net.rows));
  }
  if (spec) part("Small machines: vcpe bench spec", "One router confined, 1024-byte UDP.", table(spec.rows));
  if (path) {
    const small = path.rows.filter((row) => row.sas === 1 && row.routes === 10 && row.size === "1024");
    const bars = small.flatMap((row) =>
      (["outNs", "inNs", "hubNs"] as const).map((road) => ({
        label: `${row.cipher} ${road.slice(0, -2)}`,
        value: row[road],
        ours: row.cipher === "chacha20poly1305",
      })),
    );
    const { scaling } = path;
    const said =
      scaling === null
        ? ""
        : ` Two workers against one, pinned: ${scaling.ratio} × (${scaling.ceiling} × is what this machine gives two threads that share nothing).`;
    const charts = bars.length === 0 ? "" : chart("1024-byte packets, 1 SA, 10 routes", "less is better", "ns", bars);
    part("The road without a kernel: vcpe bench path", `${on(path.machine)}.${said}`, charts, table(path.rows));
  }
  if (soak) part("Soak: vcpe bench path --soak", on(soak.machine), table(soak.rows));
  if (micro) {
    const aead = micro.rows.filter((row) => row.kernel.startsWith("seal") && row.kernel.endsWith(" 1024 B"));
    const bars = aead.map((row) => ({
      label: `${row.kernel.split(" ")[1]}, ${row.by}`,
      value: row.nsEach,
      ours: row.by === "vcpe",
    }));
    const charts = bars.length === 0 ? "" : chart("Sealing 1024 bytes", "less is better", "ns", bars);
    part("Kernels: vcpe bench micro", `${on(micro.machine)}. FIB: ${micro.machine.table}.`, charts, table(micro.rows));
  }
  if (parts.length === 0) part("Nothing was measured yet", "Run vcpe bench net, spec, path or micro first.");
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>vcpe bench</title>
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:800px;margin:2rem auto;padding:0 1rem}
svg{display:block;max-width:100%;height:auto;margin:1rem 0}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px}
td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8886;white-space:nowrap}</style>
<h1>vcpe bench</h1><p>How this was measured, and what it does not say: docs/bench-method.md.</p>
${parts.join("\n")}
</html>
`;
}

/** Writes the page, and with `svg` the chart for the README. @returns the files written */
export function writeReport({ output, svg }: { readonly output: string; readonly svg?: string }): string[] {
  const results = kept() as Results;
  const put = (file: string, text: string) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const files = [put(output, page(results))];
  if (svg === undefined) return files;
  const rows = results.net?.rows.filter((row) => row.test === "udp-1024" && row.pin && row.offload) ?? [];
  const bars = rows.flatMap((row) => {
    const value = perCore(row);
    return value === undefined ? [] : [{ label: row.system, value, ours: ours(row.system) }];
  });
  if (results.net === undefined || bars.length === 0) {
    process.stderr.write("no chart for the README: run `vcpe bench net` first\n");
    return files;
  }
  const title = "1024-byte UDP through the tunnel, Mbit/s per core";
  files.push(put(svg, chart(title, on(results.net.machine), "Mbit/s", bars)));
  return files;
}
