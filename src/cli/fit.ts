/** Tables on a terminal that is narrower than they are: what matters least is left out; what is shown is shown whole, as it may be copied. */
import { shown } from "../router/shown.ts";

export interface Fit {
  /** Characters of a line; undefined: no terminal, there is room for all. */
  readonly width: number | undefined;
  /** Headings of columns that may be left out, in this order. */
  readonly least: readonly string[];
}

export interface Fitted {
  readonly heading: readonly string[];
  readonly cells: readonly (readonly string[])[];
  /** Headings of what is left out. */
  readonly left: readonly string[];
}

/** Characters between two columns of a table. */
const GAP = 2;

export function fitted(heading: readonly string[], cells: Fitted["cells"], { width = Infinity, least }: Fit): Fitted {
  const widths = heading.map((text, i) => Math.max(text.length, ...cells.map((row) => shown(row[i]).length)));
  let kept = heading.map((_, i) => i);
  const left: string[] = [];
  for (const name of least) {
    if (kept.reduce((sum, i) => sum + widths[i] + GAP, -GAP) <= width) break;
    if (!kept.some((i) => heading[i] === name)) continue;
    kept = kept.filter((i) => heading[i] !== name);
    left.push(name);
  }
  return { heading: kept.map((i) => heading[i]), cells: cells.map((row) => kept.map((i) => row[i])), left };
}

/** What is said of it; undefined: nothing is left out. */
export function leftText(left: readonly string[]): string | undefined {
  return left.length === 0 ? undefined : `no room for ${left.join(", ")}: a wider terminal or --json shows all`;
}
