import type { Log } from "../../../src/router/log.ts";

const nothing = () => undefined;

/** A log that nobody reads. */
export const silent = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  level: "silent",
} as unknown as Log;
