/** Where a command reads and writes: the terminal it was started on, or what a test puts in its place. */
import type { Readable, Writable } from "node:stream";
import { jsonText, shown } from "../../router/shown.ts";
import { fitted, leftText } from "../fit.ts";
import { table } from "../table.ts";

export interface Input extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

export interface Output extends Writable {
  readonly isTTY?: boolean;
  /** Width of the terminal, characters. */
  readonly columns?: number;
}

export interface Terminal {
  readonly input: Input;
  readonly out: Output;
  /** Prompts, progress and warnings: never mixed with what a script reads. */
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const processTerminal: Terminal = {
  get input() {
    return process.stdin;
  },
  get out() {
    return process.stdout;
  },
  get err() {
    return process.stderr;
  },
  env: process.env,
};

/** What is bold on a terminal that shows it. */
export interface Strong {
  readonly strong: string;
}

function strong(text: string): Strong {
  return { strong: text };
}

/** Each on one line, whatever stands in it. */
export function say({ out, env }: Terminal, ...lines: readonly (string | Strong)[]): void {
  const bold = out.isTTY === true && env.NO_COLOR === undefined;
  for (const line of lines) {
    const text = shown(typeof line === "string" ? line : line.strong);
    out.write(typeof line !== "string" && bold ? `\x1b[1m${text}\x1b[0m\n` : `${text}\n`);
  }
}

/** Characters of a line; undefined: it is no terminal, or one that does not know. */
export function widthOf({ isTTY, columns }: Pick<Output, "isTTY" | "columns">): number | undefined {
  return isTTY && columns ? columns : undefined;
}

/** A table; on a terminal without the columns that it has no room for. @param least headings of those that may be left out, in this order */
export function sayTable(
  terminal: Terminal,
  heading: readonly string[],
  cells: readonly (readonly string[])[],
  least: readonly string[],
): void {
  const { out } = terminal;
  const shape = fitted(heading, cells, { width: widthOf(out), least });
  say(terminal, ...table(shape.heading, shape.cells, strong));
  const missing = leftText(shape.left);
  if (missing !== undefined) note(terminal, missing);
}

export function sayJson({ out }: Terminal, value: unknown): void {
  out.write(`${jsonText(value, 2)}\n`);
}

export function note({ err }: Terminal, ...lines: readonly string[]): void {
  for (const line of lines) err.write(`${shown(line)}\n`);
}

/** After a second of waiting says for what, on a terminal; the line goes when `act` ends. */
export async function waiting<T>({ err }: Terminal, what: string, act: () => Promise<T>): Promise<T> {
  if (!err.isTTY) return act();
  const start = performance.now();
  let shown = false;
  const timer = setInterval(() => {
    shown = true;
    err.write(`\r\x1b[K${what} … ${Math.round((performance.now() - start) / 1000)} s`);
  }, 1000);
  try {
    return await act();
  } finally {
    clearInterval(timer);
    if (shown) err.write("\r\x1b[K");
  }
}
