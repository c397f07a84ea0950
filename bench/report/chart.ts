/** Bar charts as SVG text: no script, no font, no network. Colours follow the reader's light or dark mode. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Ours stands out. */
  readonly ours: boolean;
}

export const STYLE = `
.ground{fill:#ffffff}.text{fill:#1f2328;font:13px system-ui,sans-serif}.title{fill:#1f2328;font:600 15px system-ui,sans-serif}
.faint{fill:#59636e;font:12px system-ui,sans-serif}.ours{fill:#0b6bcb}.other{fill:#8c959f}
@media (prefers-color-scheme:dark){.ground{fill:#0d1117}.text,.title{fill:#e6edf3}.faint{fill:#9198a1}.ours{fill:#58a6ff}.other{fill:#6e7681}}`;

const WIDTH = 760;
const LABEL = 250;
const ROW = 26;

export function safe(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(3);
}

/** One chart; bars are as long as their share of the longest. `note` stands below the title. */
export function chart(title: string, note: string, unit: string, bars: readonly Bar[]): string {
  const height = 58 + bars.length * ROW + 10;
  const most = Math.max(...bars.map((bar) => bar.value), Number.MIN_VALUE);
  const rows = bars.map(({ label, value, ours }, i) => {
    const y = 58 + i * ROW;
    const width = Math.max(1, (value / most) * (WIDTH - LABEL - 120));
    return (
      `<text class="text" x="${LABEL - 10}" y="${y + 14}" text-anchor="end">${safe(label)}</text>` +
      `<rect class="${ours ? "ours" : "other"}" x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="18" rx="2"/>` +
      `<text class="faint" x="${LABEL + width + 8}" y="${y + 14}">${figure(value)} ${safe(unit)}</text>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${safe(title)}">` +
    `<style>${STYLE}</style><rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>` +
    `<text class="title" x="16" y="26">${safe(title)}</text><text class="faint" x="16" y="44">${safe(note)}</text>` +
    `${rows.join("")}</svg>`
  );
}
