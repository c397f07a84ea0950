import { pino } from "pino";
import type { Log } from "../../../src/router/log.ts";

/** A log that nobody reads. */
export const silent: Log = pino({ level: "silent" });
