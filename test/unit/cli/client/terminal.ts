/** A terminal of strings: what was written is kept, what is typed is said beforehand. */
import { PassThrough } from "node:stream";
import type { Terminal } from "../../../../src/cli/client/terminal.ts";

export interface FakeTerminal extends Terminal {
  readonly written: { out: string; err: string };
  /** Modes that the input was set to. */
  readonly raw: boolean[];
  readonly type: (text: string) => void;
}

export function fakeTerminal(env: Record<string, string> = {}, tty = false): FakeTerminal {
  const written = { out: "", err: "" };
  const raw: boolean[] = [];
  const sink = (name: "out" | "err") => {
    const stream = new PassThrough();
    stream.on("data", (chunk) => {
      written[name] += chunk;
    });
    return Object.assign(stream, { isTTY: tty });
  };
  const input = Object.assign(new PassThrough(), { isTTY: tty, setRawMode: (on: boolean) => raw.push(on) });
  return {
    input,
    out: sink("out"),
    err: sink("err"),
    env: { NO_COLOR: "1", ...env },
    written,
    raw,
    type: (text) => void input.write(text),
  };
}
