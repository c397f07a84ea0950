/** `vcpe status`: what a router does, as a table or as JSON, once or again and again. */

import { jsonText, shown, shownAll } from "../router/shown.ts";
import { ask, chooseRouter, living, StatusError } from "../router/status/client.ts";
import type { RouterStatus } from "../router/status/schema.ts";
import { colours } from "./status/colours.ts";
import { picture } from "./status/picture.ts";
import type { Before } from "./status/tunnels.ts";

export interface StatusFlags {
  readonly name?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** Time between two pictures, milliseconds. */
const EVERY = 1000;

export async function showStatus(flags: StatusFlags): Promise<void> {
  const names =
    flags.name === undefined && !flags.json && !flags.watch ? await living() : [await chooseRouter(flags.name)];
  if (names.length === 0) await chooseRouter(undefined);
  if (flags.watch) return watch(names[0], flags.json === true);
  const pictures: string[] = [];
  for (const name of names) {
    const status = await ask<RouterStatus>(name, "GET", "/status");
    pictures.push(flags.json ? jsonText(status, 2) : drawn(status).join("\n"));
  }
  process.stdout.write(`${pictures.join("\n\n")}\n`);
}

/** Peers and configurations name what stands in it. */
function drawn(status: RouterStatus, before?: Before): string[] {
  return picture(shownAll(status), colours(process.stdout), before);
}

/** Draws over the last picture on a terminal; elsewhere writes one after the other, as JSON one a line. Until Ctrl-C. */
async function watch(name: string, json: boolean): Promise<void> {
  const terminal = process.stdout.isTTY === true && !json;
  const show = (text: string) => process.stdout.write(text);
  if (terminal) {
    show("\x1b[?1049h\x1b[?25l");
    const restore = () => show("\x1b[?25h\x1b[?1049l");
    process.once("exit", restore);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(0));
  }
  let last: { readonly status: RouterStatus; readonly at: number } | undefined;
  for (;;) {
    const begun = performance.now();
    let lines: string[];
    try {
      const status = await ask<RouterStatus>(name, "GET", "/status");
      const at = performance.now();
      const before = last && { status: last.status, ms: at - last.at };
      lines = json ? [jsonText(status)] : drawn(status, before);
      last = { status, at };
    } catch (error) {
      // While it is restarted, the picture waits.
      if (!terminal || !(error instanceof StatusError)) throw error;
      lines = [shown(error.message)];
    }
    if (terminal) {
      const rows = (process.stdout.rows || 24) - 1;
      const columns = process.stdout.columns || 80;
      show(
        `\x1b[H${lines
          .slice(0, rows)
          .map((line) => `${cut(line, columns)}\x1b[K\n`)
          .join("")}\x1b[J`,
      );
    } else show(`${lines.join("\n")}\n${json ? "" : "\n"}`);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, EVERY - (performance.now() - begun))));
  }
}

const ESCAPE = "\x1b";

/** Cuts a line at the edge of the terminal; colour codes take no room. */
function cut(line: string, columns: number): string {
  let kept = "";
  let room = columns;
  let code = false;
  for (const letter of line) {
    if (letter === ESCAPE) code = true;
    if (code || room-- > 0) kept += letter;
    if (code && letter === "m") code = false;
  }
  return kept;
}
