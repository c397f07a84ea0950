/** `vcpe edge` and `vcpe gateway`: runs a router in the foreground until it is told to end. */
import { ConfigError, formatProblem } from "../router/config/problem.ts";
import { readConfig } from "../router/config/read.ts";
import { makeLog } from "../router/log.ts";
import type { OpenRouter } from "../router/open.ts";
import { EXIT } from "./exit.ts";

/** Gives the exit code. @throws ConfigError, RouterError, LinuxError, PlaneError: nothing is left behind. */
export async function run(role: "edge" | "gateway", file: string): Promise<number> {
  const read = readConfig(file);
  const log = makeLog(read.config.name, read.config.log);
  for (const warning of read.warnings) log.warn(formatProblem(file, warning));

  // From here on a signal has to find its way to `close`, whatever has been set up by then.
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
  let opened: OpenRouter | undefined;
  process.on("SIGHUP", () => {
    opened?.reload().then(
      () => undefined,
      (error) => {
        const why = error instanceof ConfigError ? error.message.split("\n") : [(error as Error).message];
        for (const line of why) log.error(line);
        log.error("the reload failed; the router runs on as it was");
      },
    );
  });
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.error({ err: error }, "a fault in the program; please report it");
      ending.resolve(EXIT.internal);
    });
  }

  log.info({ pid: process.pid, file }, `${role} starts`);
  // The heavy parts (foreign functions, cryptography, HTTP) are loaded when the file is known to be good.
  const { openRouter } = await import("../router/open.ts");
  opened = await openRouter({ file, read, log, failed: () => ending.resolve(EXIT.failed) });
  log.info({ tunnels: read.config.tunnels.length }, `${role} runs`);
  const code = await ending.promise;
  await opened.close();
  log.info("ended");
  return code;
}
