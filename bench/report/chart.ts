/**
 * Bar charts as SVG text, drawn by ECharts without a browser. Colours are CSS variables, so that one picture serves a light and a dark
 * page, inside the HTML report and alone in a README.
 */
import { BarChart, type BarSeriesOption } from "echarts/charts";
import { GridComponent, type GridComponentOption } from "echarts/components";
import { type ComposeOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, GridComponent, SVGRenderer]);

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Ours stands out. */
  readonly ours: boolean;
  /** Behind the figure, such as "3 % lost". */
  readonly note?: string;
}

export interface ChartOptions {
  readonly title: string;
  /** Below the title: what is shown and which way is better. */
  readonly note: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
  /** For values that differ by more than a hundred. */
  readonly logarithmic?: boolean;
  /** Fills the ground: for a picture that stands alone. Default false. */
  readonly ground?: boolean;
  /** Pixels. Default 760; below 700 there is less room for figures. */
  readonly width?: number;
}

/** Colours, light and dark, that the charts refer to. Once a page; a chart that stands alone brings them along. */
export const COLOURS = `:root,svg{--ground:#ffffff;--text:#1f2328;--faint:#59636e;--line:#d1d9e0;--ours:#0969da;--other:#a8b3bf}
@media(prefers-color-scheme:dark){:root,svg{--ground:#0d1117;--text:#e6edf3;--faint:#9198a1;--line:#30363d;--ours:#4493f8;--other:#5b6571}}`;

const ROW = 28;
const TOP = 62;
const FONT = "system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif";

type Option = ComposeOption<BarSeriesOption | GridComponentOption>;

export function safe(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** 1234.5 → "1,235"; 12.34 → "12.3"; 0.1234 → "0.123". */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toPrecision(3);
}

export function chart({ title, note, unit, bars, logarithmic, ground, width = 760 }: ChartOptions): string {
  const height = TOP + bars.length * ROW + 8;
  const values = bars.map((bar) => bar.value);
  const least = Math.min(...values.filter((value) => value > 0));
  const scale = logarithmic
    ? ({ type: "log", logBase: 10, min: 10 ** Math.floor(Math.log10(least) - 0.01) } as const)
    : ({ type: "value", min: 0, max: Math.max(...values, Number.MIN_VALUE) } as const);
  const longest = Math.max(...bars.map((bar) => bar.label.length), 0);
  // About half an em a letter, and never more than most of the picture.
  const left = Math.min(width * 0.6, 24 + longest * 7.1);
  const option: Option = {
    animation: false,
    textStyle: { fontFamily: FONT },
    grid: { left, right: width < 700 ? 120 : 150, top: TOP, bottom: 8 },
    xAxis: { ...scale, show: false },
    yAxis: {
      type: "category",
      inverse: true,
      data: bars.map((bar) => bar.label),
      axisLine: { show: true, lineStyle: { color: "var(--line)" } },
      axisTick: { show: false },
      axisLabel: { color: "var(--text)", fontSize: 13, interval: 0, width: left - 16, overflow: "truncate" },
    },
    series: [
      {
        type: "bar",
        silent: true,
        barWidth: 18,
        data: bars.map(({ value, ours, note: more }) => ({
          value,
          itemStyle: { color: ours ? "var(--ours)" : "var(--other)", borderRadius: [0, 3, 3, 0] },
          label: {
            show: true,
            position: "right" as const,
            color: "var(--text)",
            textBorderWidth: 0,
            fontSize: 12,
            formatter: `${figure(value)} ${unit}${more === undefined ? "" : `, ${more}`}`,
          },
        })),
      },
    ],
  };
  const drawing = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    drawing.setOption(option);
    const style = ground
      ? `<style>${COLOURS}</style><rect width="${width}" height="${height}" rx="8" style="fill:var(--ground)"/>`
      : "";
    const head =
      `${style}<text x="16" y="26" style="font:600 15px ${FONT};fill:var(--text)">${safe(title)}</text>` +
      `<text x="16" y="46" style="font:12px ${FONT};fill:var(--faint)">${safe(note)}</text>`;
    const text = drawing.renderToSVGString().replace(/<style >[\s\S]*?<\/style>/, "");
    return text
      .replace(/<svg [^>]*>/, (open) => `${open.replace(">", ` role="img" aria-label="${safe(title)}">`)}${head}`)
      .trim();
  } finally {
    drawing.dispose();
  }
}
