/** Colours of a terminal, or none. */
import type { TunnelStatus } from "../../router/status/schema.ts";

export interface Colours {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly state: (state: TunnelStatus["state"]) => (text: string) => string;
}

export const PLAIN: Colours = { bold: (text) => text, dim: (text) => text, state: () => (text) => text };

export function colours(stream: NodeJS.WriteStream): Colours {
  if (!stream.isTTY || process.env.NO_COLOR !== undefined) return PLAIN;
  const paint = (code: string) => (text: string) => `\x1b[${code}m${text}\x1b[0m`;
  return {
    bold: paint("1"),
    dim: paint("2"),
    state: (state) => paint({ up: "32", connecting: "33", down: "31" }[state]),
  };
}
