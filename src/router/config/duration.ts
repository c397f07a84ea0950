/** Durations as people write them: 500ms, 30s, 5m, 4h, 1h30m, 2d. */

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; undefined when the text is no duration. Units fall: "1h30m" is one, "30m1h" is not. */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(text);
  if (!match || text === "") return undefined;
  const units = ["d", "h", "m", "s", "ms"];
  return units.reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * MILLISECONDS[unit], 0);
}

/** The shortest such text with at most two units: 5400000 → "1h30m", 90061000 → "1d1h". Rounds down. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.floor(ms))}ms`;
  const parts: string[] = [];
  let rest = ms;
  for (const unit of ["d", "h", "m", "s"]) {
    const count = Math.floor(rest / MILLISECONDS[unit]);
    rest -= count * MILLISECONDS[unit];
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join("");
}
