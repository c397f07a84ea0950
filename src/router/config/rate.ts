/** Rates as people write them, in bits a second: 64k, 2M, 1.5G; the units are decimal. */

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };

/** What a tunnel can be held to, bit/s. */
const RATE_MIN = 64_000;
const RATE_MAX = 100_000_000_000;

/** Bit/s, a whole number; undefined when the text is no rate, or none that a tunnel can be held to. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?([kMG]?)$/.exec(text);
  if (!match) return undefined;
  const rate = Math.round(Number(`${match[1]}.${match[2] ?? 0}`) * UNITS[match[3]]);
  return rate >= RATE_MIN && rate <= RATE_MAX ? rate : undefined;
}

/** "2M", "1.5G", "64k": the shortest such text that is the same rate. */
export function formatRate(bitsPerSecond: number): string {
  const [unit, size] = bitsPerSecond >= 1e9 ? ["G", 1e9] : bitsPerSecond >= 1e6 ? ["M", 1e6] : ["k", 1e3];
  return `${bitsPerSecond / (size as number)}${unit}`;
}
