/** `vcpe bench net` for people: the rows, how many times as much ours carries, and the targets that this run can answer. */
import { table } from "../../src/cli/table.ts";
import { type Target, targetLines, targets } from "../targets.ts";
import type { NetResult, NetRow } from "./net.ts";
import { alike, isOurs, mbpsPerCore } from "./ratios.ts";

const DASH = "–";
const onOff = (on: boolean) => (on ? "on" : "off");
const pinning = ({ pin }: { readonly pin: boolean }) => (pin ? "pinned" : "free");
const figure = (value: number | null, digits: number) => (value === null ? DASH : value.toFixed(digits));

export function netLines(result: NetResult): string[] {
  const { rows, machine } = result;
  const lines: string[] = [];
  if (machine.interrupted) lines.push("interrupted: this is what was measured until then; it was not kept", "");
  if (rows.length === 0) lines.push("nothing was measured");
  else lines.push(...rowLines(result));
  for (const { system, why } of machine.failed) lines.push(`${system} was not measured: ${why}`);
  for (const ours of new Set(rows.map((row) => row.system).filter(isOurs))) {
    const compared = ratioLines(result, ours);
    if (compared.length > 0)
      lines.push("", `${ours} against the others, goodput / goodput per CPU second:`, ...compared);
  }
  const answered: Target[] = targets({ net: result }).filter((target) => target.ok !== null);
  if (answered.length > 0) lines.push("", ...targetLines(answered));
  return lines;
}

function rowLines({ rows }: NetResult): string[] {
  const heading = [
    "system",
    "test",
    "pin",
    "offload",
    "Mbit/s",
    "lost %",
    "CPU-s/Gbit tx",
    "rx",
    "Mbit/s per core tx",
    "rx",
    "RTT added ms",
    "RSS MB",
  ];
  const cells = (row: NetRow) => {
    const { tx, rx } = row.cpuSecondsPerGbit;
    return [
      row.system,
      row.test,
      pinning(row),
      onOff(row.offload),
      row.goodputMbps.toFixed(1),
      row.lossPct.toFixed(3),
      figure(tx, 4),
      figure(rx, 4),
      figure(mbpsPerCore(tx), 0),
      figure(mbpsPerCore(rx), 0),
      figure(row.rttAddedMs, 3),
      figure(row.rssMb, 1),
    ];
  };
  return table(heading, rows.map(cells));
}

function ratioLines({ rows, ratios }: NetResult, ours: string): string[] {
  const own = rows.filter((row) => row.system === ours);
  const against = [...new Set(ratios.filter(({ system }) => system === ours).map((ratio) => ratio.against))];
  if (against.length === 0) return [];
  return table(
    ["test", "pin", "offload", ...against],
    own.map((row) => [
      row.test,
      pinning(row),
      onOff(row.offload),
      ...against.map((name) => {
        const theirs = rows.find((other) => other.system === name && alike(other, row));
        const ratio = ratios.find(
          (one) =>
            theirs !== undefined &&
            one.system === ours &&
            one.against === name &&
            one.test === row.test &&
            one.pin === row.pin &&
            one.offload === row.offload,
        );
        return ratio === undefined ? DASH : `${figure(ratio.goodput, 2)} / ${figure(ratio.perCore, 2)} ×`;
      }),
    ]),
  );
}
