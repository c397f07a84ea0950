/** Colours of a terminal, or none; and how wide it is. */

import type { TunnelStatus } from "../../router/status/schema.ts";
import { widthOf } from "../client/terminal.ts";

export interface Colours {
  /** Characters of a line; undefined: no terminal. */
  readonly width: number | undefined;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly state: (state: TunnelStatus["state"]) => (text: string) => string;
}

export const PLAIN: Colours = {
  width: undefined,
  bold: (text) => text,
  dim: (text) => text,
  state: () => (text) => text,
};

export function colours(stream: NodeJS.WriteStream): Colours {
  if (!stream.isTTY) return PLAIN;
  const width = widthOf(stream);
  if (process.env.NO_COLOR !== undefined) return { ...PLAIN, width };
  const paint = (code: string) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
  return {
    width,
    bold: paint("1"),
    dim: paint("2"),
    state: (state) => paint({ up: "32", connecting: "33", down: "31" }[state]),
  };
}
