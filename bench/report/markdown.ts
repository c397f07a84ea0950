/** The results as Markdown, for the README. */
import { machineLine } from "../machine.ts";
import type { NetResult, NetRow } from "../net/net.ts";
import { mbpsPerCore } from "../net/ratios.ts";
import type { Results } from "../results.ts";
import { figure } from "./chart.ts";

/** The columns of the table about bench net: one test with one setting of the offloads each. */
const COLUMNS: readonly { readonly title: string; readonly test: string; readonly offload: boolean }[] = [
  { title: "1024-byte UDP", test: "udp-1024", offload: false },
  { title: "1024-byte UDP, GRO forwarding on", test: "udp-1024", offload: true },
  { title: "IMIX, GRO forwarding on", test: "udp-imix", offload: true },
  { title: "TCP, one flow", test: "tcp-1", offload: false },
  { title: "TCP, eight flows", test: "tcp-8", offload: false },
];

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function rule(columns: number): string {
  return `|---|${"---:|".repeat(columns - 1)}`;
}

export function markdown({ net, spec }: Results): string {
  const parts = [...(net === undefined ? [] : [netPart(net)])];
  if (spec !== undefined) {
    const rows = spec.rows.map((row) =>
      line([
        `${row.cores} ${row.cores === 1 ? "core" : "cores"}, ${row.memoryMb / 1024} GB`,
        String(row.targetMbps),
        figure(row.mbps),
        `${row.multiple} ×`,
        row.pass ? "yes" : "no",
      ]),
    );
    const head = [line(["router", "promised Mbit/s", "reached", "multiple", "passed"]), rule(5)];
    parts.push([...head, ...rows, "", source(spec.machine)].join("\n"));
  }
  return parts.join("\n\n");
}

function source(machine: NetResult["machine"] | NonNullable<Results["spec"]>["machine"]): string {
  // Where a program lay on that machine tells the reader nothing.
  const command = machine.command.replaceAll(/ \/\S*\/(?=[^/\s])/g, " ");
  return `\`${command}\` on ${machineLine(machine)}.`;
}

function netPart({ rows, machine }: NetResult): string {
  const systems = [...new Set(rows.map((row) => row.system))];
  const of = (system: string, test: string, offload: boolean) =>
    rows.find((row) => row.system === system && row.test === test && row.offload === offload && row.pin);
  const shown = COLUMNS.filter(({ test, offload }) => systems.some((system) => of(system, test, offload)));
  const cell = (row: NetRow | undefined) => {
    if (row === undefined) return "–";
    const { tx, rx } = row.cpuSecondsPerGbit;
    const each = [mbpsPerCore(tx), mbpsPerCore(rx)].map((value) => (value === null ? "–" : figure(value)));
    return tx === null && rx === null ? figure(row.goodputMbps) : `${figure(row.goodputMbps)} · ${each.join(" / ")}`;
  };
  const head = ["Mbit/s · per core second tx / rx", ...shown.map(({ title }) => title), "RTT added, ms", "RSS, MB"];
  const table = systems.map((system) => {
    const own = rows.filter((row) => row.system === system && row.pin);
    const added = own.find((row) => !row.offload)?.rttAddedMs ?? null;
    const memory = own.flatMap((row) => row.rssMb ?? []);
    return line([
      system,
      ...shown.map(({ test, offload }) => cell(of(system, test, offload))),
      added === null ? "–" : String(added),
      memory.length === 0 ? "–" : figure(Math.max(...memory)),
    ]);
  });
  return [line(head), rule(head.length), ...table, "", source(machine)].join("\n");
}
