/** The tutorial's results as tables for a terminal. */
import { checkTable, table } from "../report.ts";
import type { TutorialReport } from "./tutorial.ts";

/** Steps, the access test, checks, throughput, then one line of verdict. */
export function tutorialTable({ steps, access, checks, traffic }: TutorialReport): string {
  const verdict = (ok: boolean) => (ok ? "ok" : "FAILED");
  const all = [...steps, ...access, ...checks];
  const failed = all.filter(({ ok }) => !ok).length;
  return [
    table(steps.map(({ name, ok, ms }) => [verdict(ok), name, `${(ms / 1000).toFixed(1)} s`])),
    table([
      ["access", "from", "to", "by", "should be"],
      ...access.map(({ from, to, kind, expected, ok }) => [verdict(ok), from, to, kind, expected]),
    ]),
    checkTable(checks),
    table(
      [
        ["traffic", "Mbit/s", "lost %"],
        ...traffic.map(({ name, mbps, lossPct }) => [name, mbps.toFixed(2), lossPct.toFixed(2)]),
      ],
      [1, 2],
    ),
    failed === 0 ? `All ${all.length} steps and checks passed.` : `${failed} of ${all.length} steps and checks FAILED.`,
  ].join("\n\n");
}
