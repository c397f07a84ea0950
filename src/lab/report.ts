/** The lab's results as a table for a terminal. */
import type { Check, LabReport } from "./checks.ts";

/** Characters of a line that every terminal has room for. */
const WIDTH = 80;

/** Pads columns to their widest cell; the columns in `right` are aligned to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, at) => Math.max(all[at] ?? 0, cell.length)), []);
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (right.includes(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!))).join("  ");
  return rows.map((row) => `  ${line(row).trimEnd()}`).join("\n");
}

/** A check a row; where that is too wide for a terminal, its detail on a line of its own. */
export function checkTable(checks: readonly Check[]): string {
  const rows = checks.map(({ name, ok, detail }) => [ok ? "ok" : "FAILED", name, detail]);
  const whole = table(rows);
  if (whole.split("\n").every((line) => line.length <= WIDTH)) return whole;
  const width = Math.max(...rows.map(([verdict]) => verdict!.length));
  return rows
    .map(([verdict, name, detail]) => `  ${verdict!.padEnd(width)}  ${name}\n  ${" ".repeat(width)}    ${detail}`)
    .join("\n");
}

/** Checks, then throughput, then one line of verdict. */
export function reportTable(report: LabReport): string {
  const rows = report.traffic.map(({ name, mbps, lossPct }) => [name, mbps.toFixed(0), lossPct.toFixed(2)]);
  const failed = report.checks.filter((check) => !check.ok).length;
  const verdict =
    failed === 0 ? `All ${report.checks.length} checks passed.` : `${failed} of ${report.checks.length} checks FAILED.`;
  return [checkTable(report.checks), table([["traffic", "Mbit/s", "lost %"], ...rows], [1, 2]), verdict].join("\n\n");
}
