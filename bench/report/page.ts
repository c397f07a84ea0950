/** The kept results as one self-contained HTML page: charts, tables, the machine, the commands. No script, no font, no network. */
import { type Machine, machineLine } from "../machine.ts";
import type { NetResult, NetRow } from "../net/net.ts";
import { isOurs, slowerPerCore } from "../net/ratios.ts";
import { LOSS_LIMIT } from "../net/search.ts";
import type { Results } from "../results.ts";
import { targets } from "../targets.ts";
import { type Bar, COLOURS, chart, figure, safe } from "./chart.ts";

const STYLE = `${COLOURS}
:root{color-scheme:light dark}body{background:var(--ground);color:var(--text);font:15px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;
max-width:1100px;margin:2rem auto;padding:0 1rem}h2{margin-top:2.5rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
svg{display:block;max-width:100%;height:auto;margin:.5rem 0 1.5rem}.wide{overflow-x:auto}.faint{color:var(--faint);font-size:13px}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}td,th{padding:.25rem .7rem;border-bottom:1px solid var(--line);
white-space:nowrap;text-align:left}th{white-space:normal;vertical-align:bottom}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));column-gap:1rem}td.n,th.n{text-align:right}.ours td{font-weight:600}.ok{color:var(--ours)}details{margin:1rem 0}summary{cursor:pointer}
code{font:13px ui-monospace,'DejaVu Sans Mono',monospace}`;

/** A cell of a table: a figure is set to the right. */
type Cell = string | number | null;

function table(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
  ours: (row: number) => boolean = () => false,
): string {
  const right = heading.map((_, i) => rows.every((row) => typeof row[i] !== "string"));
  const cell = (value: Cell, i: number, tag: "td" | "th") => {
    const text =
      value === null
        ? "–"
        : typeof value === "number"
          ? value.toLocaleString("en", { maximumFractionDigits: 4 })
          : value;
    return `<${tag}${right[i] ? ' class="n"' : ""}>${safe(text)}</${tag}>`;
  };
  const body = rows.map(
    (row, at) => `<tr${ours(at) ? ' class="ours"' : ""}>${row.map((value, i) => cell(value, i, "td")).join("")}</tr>`,
  );
  const head = `<tr>${heading.map((text, i) => cell(text, i, "th")).join("")}</tr>`;
  return `<div class="wide"><table>${head}${body.join("")}</table></div>`;
}

function folded(title: string, content: string): string {
  return `<details><summary>${safe(title)}</summary>${content}</details>`;
}

function about(machine: Machine): string {
  const command = machine.command === undefined ? "" : `<code>${safe(machine.command)}</code> on `;
  return `<p class="faint">${command}${safe(machineLine(machine))}</p>`;
}

/** The page for these results. */
export function page(results: Results): string {
  const { net, spec, path, soak, micro } = results;
  const parts = [
    net === undefined ? "" : netPart(net),
    spec === undefined ? "" : specPart(spec),
    path === undefined ? "" : pathPart(path),
    soak === undefined ? "" : `<h2>Soak: vcpe bench path --soak</h2>${about(soak.machine)}${anyTable(soak.rows)}`,
    micro === undefined ? "" : microPart(micro),
  ].filter((part) => part !== "");
  if (parts.length === 0)
    parts.push("<h2>Nothing was measured yet</h2><p>Run vcpe bench net, spec, path or micro first.</p>");
  else parts.unshift(targetPart(results));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>vcpe bench</title>
<style>${STYLE}</style></head><body>
<h1>vcpe bench</h1><p>How this was measured, and what it does not say: docs/bench-method.md.</p>
${parts.join("\n")}
</body></html>
`;
}

function targetPart(results: Results): string {
  const rows = targets(results).map(({ bench, what, target, reached, ok }) => [
    ok === null ? "–" : ok ? "✓ reached" : "✗ not reached",
    what,
    target,
    reached,
    `bench ${bench}`,
  ]);
  return `<h2>Targets</h2>${table(["", "what", "target", "reached", "measured by"], rows)}`;
}

function netPart(net: NetResult): string {
  const { rows, machine } = net;
  const groups = Map.groupBy(rows, (row) => `${row.test}/${row.pin}/${row.offload}`);
  const charts = [...groups.values()].map((group) => netChart(group));
  const failed = machine.failed.map(({ system, why }) => `<p>${safe(`${system} was not measured: ${why}`)}</p>`);
  const cells = rows.map((row) => [
    row.system,
    row.test,
    row.pin ? "pinned" : "free",
    row.offload ? "on" : "off",
    row.goodputMbps,
    row.lossPct,
    row.cpuSecondsPerGbit.tx,
    row.cpuSecondsPerGbit.rx,
    slowerPerCore(row) === null ? null : Math.round(slowerPerCore(row)!),
    row.rttAddedMs,
    row.rssMb,
  ]);
  const heading = [
    "system",
    "test",
    "pin",
    "offload",
    "Mbit/s",
    "lost %",
    "CPU s/Gbit tx",
    "rx",
    "Mbit/s per core",
    "RTT added ms",
    "RSS MB",
  ];
  return `<h2>Whole routers: vcpe bench net</h2>${about(machine)}${failed.join("")}
${ratioTables(net)}${charts.join("\n")}${folded(
  "All rows",
  table(heading, cells, (at) => isOurs(rows[at]!.system)),
)}`;
}

/** Goodput and goodput by CPU second of one test with one setting. */
function netChart(group: readonly NetRow[]): string {
  const { test, pin, offload } = group[0]!;
  const title = `${TESTS[test] ?? test}, ${pin ? "pinned" : "free"}, GRO forwarding ${offload ? "on" : "off"}`;
  const goodput: Bar[] = group.map((row) => ({
    label: row.system,
    value: row.goodputMbps,
    ours: isOurs(row.system),
    ...(row.test.startsWith("udp") && row.lossPct >= LOSS_LIMIT ? { note: `${row.lossPct} % lost` } : {}),
  }));
  const efficient = group.flatMap((row) => {
    const value = slowerPerCore(row);
    return value === null ? [] : [{ label: row.system, value, ours: isOurs(row.system) }];
  });
  const half = { unit: "Mbit/s", width: 640 };
  const whole = chart({ title, note: "goodput; more is better", bars: goodput, ...half });
  if (efficient.length === 0) return whole;
  const note = "goodput per CPU second of the slower router; more is better";
  return `<div class="pair">${whole}${chart({ title, note, bars: efficient, ...half })}</div>`;
}

const TESTS: Readonly<Record<string, string>> = {
  "udp-1024": "1024-byte UDP",
  "udp-imix": "IMIX",
  "tcp-1": "TCP, one flow",
  "tcp-8": "TCP, eight flows",
};

function ratioTables({ rows, ratios = [] }: NetResult): string {
  const ours = [...new Set(rows.map((row) => row.system).filter(isOurs))];
  return ours
    .map((system) => {
      const own = ratios.filter((ratio) => ratio.system === system);
      const against = [...new Set(own.map((ratio) => ratio.against))];
      if (against.length === 0) return "";
      const cells = rows
        .filter((row) => row.system === system)
        .map((row) => [
          `${TESTS[row.test] ?? row.test}, ${row.pin ? "pinned" : "free"}, GRO forwarding ${row.offload ? "on" : "off"}`,
          ...against.map((name) => {
            const found = own.find(
              (one) =>
                one.against === name && one.test === row.test && one.pin === row.pin && one.offload === row.offload,
            );
            if (found === undefined) return null;
            const text = (value: number | null) => (value === null ? "–" : `${value}`);
            return `${text(found.goodput)} · ${text(found.perCore)}`;
          }),
        ]);
      return `<h3>${safe(system)}: how many times as much</h3><p class="faint">Goodput · goodput per CPU second of the slower router</p>
${table(["", ...against], cells)}`;
    })
    .join("");
}

function specPart(spec: NonNullable<Results["spec"]>): string {
  const bars = spec.rows.flatMap((row) => {
    const name = `${row.cores} ${row.cores === 1 ? "core" : "cores"}, ${row.memoryMb / 1024} GB`;
    return [
      { label: `${name}, promised`, value: row.targetMbps, ours: false },
      { label: `${name}, reached`, value: row.mbps, ours: true, note: `${row.multiple} ×` },
    ];
  });
  const note = "the slower of sending and receiving; more is better";
  const by =
    spec.machine?.confinedBy === undefined
      ? ""
      : `<p>Confined by ${safe([...new Set(spec.machine.confinedBy)].join(", "))}.</p>`;
  return `<h2>Small machines: vcpe bench spec</h2>${spec.machine === undefined ? "" : about(spec.machine)}${by}
${chart({ title: "One router confined, 1024-byte UDP", note, unit: "Mbit/s", bars })}`;
}

function pathPart(path: NonNullable<Results["path"]>): string {
  const small = path.rows.filter((row) => row.sas === 1 && row.routes === 10 && row.size === "1024");
  const bars = small.flatMap((row) =>
    (["outNs", "inNs", "hubNs"] as const).map((road) => ({
      label: `${row.cipher}, ${road.slice(0, -2)}`,
      value: row[road],
      ours: row.cipher === "chacha20poly1305",
    })),
  );
  const note = "nanoseconds a packet, 1 SA, 10 routes; less is better";
  const charts =
    bars.length === 0 ? "" : chart({ title: "1024-byte packets on the WASM roads", note, unit: "ns", bars });
  const { scaling } = path;
  const said =
    scaling === null
      ? ""
      : `<p>Two workers against one, pinned: ${scaling.ratio} × (${scaling.ceiling} × is what this machine gives two threads that share nothing).</p>`;
  return `<h2>The road without a kernel: vcpe bench path</h2>${about(path.machine)}${said}${charts}${folded("All rows", anyTable(path.rows))}${folded("What a filter and a rate cost", anyTable([...path.filter, ...path.shaper]))}`;
}

function microPart(micro: NonNullable<Results["micro"]>): string {
  const { table: from, fibMiB, vrfsMiB } = micro.machine;
  const charts = (["seal", "open"] as const).flatMap((verb) => {
    const rows = micro.rows.filter((row) => row.kernel.startsWith(`${verb} `) && row.kernel.endsWith(" 1024 B"));
    const bars = rows.map((row) => ({
      label: `${row.kernel.split(" ")[1]}, ${row.by}`,
      value: row.nsEach,
      ours: isOurs(row.by),
    }));
    const title = verb === "seal" ? "Sealing 1024 bytes" : "Opening 1024 bytes";
    const note = "nanoseconds, logarithmic; less is better";
    return bars.length === 0 ? [] : [chart({ title, note, unit: "ns", bars, logarithmic: true })];
  });
  const fib =
    from === undefined
      ? ""
      : `<p>FIB: ${safe(from)}, ${fibMiB} MiB; 1,000 VRFs of 100 routes each: ${vrfsMiB === undefined ? "–" : figure(vrfsMiB)} MiB.</p>`;
  const others = micro.rows.filter((row) => !/^(seal|open) /.test(row.kernel));
  return `<h2>Kernels: vcpe bench micro</h2>${about(micro.machine)}${fib}${charts.join("")}
${anyTable(others)}${folded("AEAD, all sizes", anyTable(micro.rows.filter((row) => !others.includes(row))))}`;
}

/** Rows as they are. */
function anyTable(rows: readonly object[]): string {
  if (rows.length === 0) return "";
  const keys = Object.keys(rows[0]!);
  const cell = (value: unknown): Cell => (value === null || typeof value === "number" ? value : String(value));
  return table(
    keys,
    rows.map((row) => keys.map((key) => cell((row as Record<string, unknown>)[key]))),
  );
}
