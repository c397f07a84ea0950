/** A process in the foreground: from the start on a signal, or a fault, finds its way to an end in order. */
import type { Log } from "../router/log.ts";
import { EXIT } from "./exit.ts";

export interface Foreground {
  /** Exit code, when it is time to end. */
  readonly ended: Promise<number>;
  /** Ends it. */
  end(code: number): void;
}

export function foreground(log: Log): Foreground {
  const ending = Promise.withResolvers<number>();
  let asked = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      asked++;
      if (asked === 1) {
        log.info({ signal }, "ending");
        ending.resolve(EXIT.ok);
      } else if (asked === 3) {
        log.error("told to end three times: leaving at once; the next start puts things back");
        process.exit(EXIT.failed);
      }
    });
  }
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.error({ err: error }, "a fault in the program; please report it");
      ending.resolve(EXIT.internal);
    });
  }
  return { ended: ending.promise, end: ending.resolve };
}
