/** The lab's results as a table for a terminal. */
import type { LabReport } from "./checks.ts";

/** Pads columns to their widest cell; the columns in `right` are aligned to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, at) => Math.max(all[at] ?? 0, cell.length)), []);
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (right.includes(at) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!))).join("  ");
  return rows.map((row) => `  ${line(row).trimEnd()}`).join("\n");
}

/** Checks, then throughput, then one line of verdict. */
export function reportTable(report: LabReport): string {
  const checks = report.checks.map(({ name, ok, detail }) => [ok ? "ok" : "FAILED", name, detail]);
  const rows = report.traffic.map(({ name, mbps, lossPct }) => [name, mbps.toFixed(0), lossPct.toFixed(2)]);
  const failed = report.checks.filter((check) => !check.ok).length;
  const verdict =
    failed === 0 ? `All ${report.checks.length} checks passed.` : `${failed} of ${report.checks.length} checks FAILED.`;
  return [table(checks), table([["traffic", "Mbit/s", "lost %"], ...rows], [1, 2]), verdict].join("\n\n");
}
