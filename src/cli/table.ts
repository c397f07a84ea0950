/** Rows under a heading, in columns as wide as they need to be. */
import { shown } from "../router/shown.ts";

/** Columns of numbers (some may be empty, or a dash) are set to the right. The last column is not padded. */
export function table<H = string>(
  heading: readonly string[],
  cells: readonly (readonly string[])[],
  bold: (text: string) => H | string = (text) => text,
): (H | string)[] {
  const rows = cells.map((row) => row.map(shown));
  const widths = heading.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i].length)));
  const right = heading.map((_, i) => {
    const filled = rows.map((row) => row[i]).filter((cell) => !/^–?$/.test(cell));
    return filled.length > 0 && filled.every((cell) => /^\d[\d,]*(\.\d+)?( \S+)?$/.test(cell));
  });
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]) : i === cells.length - 1 ? cell : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return [bold(line(heading)), ...rows.map(line)];
}

/** 1234567 → 1.23 MB; decimal units, as networks count. */
export function bytesText(bytes: number, unit = "B"): string {
  const prefixes = ["", "k", "M", "G", "T", "P"];
  let value = bytes;
  let step = 0;
  while (value >= 999.5 && step < prefixes.length - 1) {
    value /= 1000;
    step++;
  }
  const digits = step === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${prefixes[step]}${unit}`;
}

/** 1234567 → 1,234,567. */
export function countText(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}
