/** Figures out of samples. */

/** The middle value; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Rounded to so many digits behind the point. */
export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
