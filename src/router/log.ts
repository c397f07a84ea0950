/** Log lines: JSON for machines, one readable line each on a terminal. */
import { Writable } from "node:stream";
import { type Logger, pino } from "pino";
import { shown } from "./shown.ts";

/** The part of pino that the router uses. Fields never hold a secret: secrets live in `Secrets` only, which no one logs. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "level">;

const NAMES: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};
const COLOURS: Readonly<Record<number, string>> = { 10: "90", 20: "90", 30: "32", 40: "33", 50: "31", 60: "31" };

/** Fields that every line has and nobody wants to read. */
const DULL = new Set(["level", "time", "msg", "name", "err"]);

/** `stream` gets the lines; `terminal`: in colour and for the eye. */
export function makeLog(
  name: string,
  level: string,
  stream: NodeJS.WriteStream & { readonly fd: 1 | 2 } = process.stdout,
  terminal = stream.isTTY === true,
): Logger {
  const options = { name, level, base: { name } };
  // Whoever read the log may go away (`vcpe edge … | head`); the router stays.
  stream.on("error", () => undefined);
  if (!terminal) {
    const destination = pino.destination({ fd: stream.fd, sync: true });
    destination.on("error", () => undefined);
    return pino(options, destination);
  }
  const eye = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      stream.write(`${readable(line, process.env.NO_COLOR === undefined)}\n`, () => done());
    },
  });
  return pino(options, eye);
}

/** One JSON log line → time, level, sentence, then fields as key=value. */
export function readable(line: string, colour: boolean): string {
  const entry = JSON.parse(line) as { level: number; time: number; msg?: string; err?: { message?: string } };
  const time = new Date(entry.time).toISOString().slice(11, 23);
  const name = (NAMES[entry.level] ?? String(entry.level)).padEnd(5);
  const level = colour ? `\x1b[${COLOURS[entry.level] ?? "0"}m${name}\x1b[0m` : name;
  const fields = Object.entries(entry)
    .filter(([key]) => !DULL.has(key))
    .map(
      ([key, value]) => `${key}=${typeof value === "string" && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
    );
  const error = entry.err?.message ? [`— ${entry.err.message}`] : [];
  return [time, level, ...[entry.msg ?? "", ...error, ...fields].map(shown)].join(" ");
}
