/** `vcpe edge` and `vcpe gateway` with a file: runs a router in the foreground until it is told to end. */
import { join } from "node:path";
import { ConfigError, formatProblem } from "../router/config/problem.ts";
import { readConfig } from "../router/config/read.ts";
import { makeLog } from "../router/log.ts";
import type { OpenRouter } from "../router/open.ts";
import { STATE_FOLDER } from "../router/places.ts";
import { EXIT } from "./exit.ts";
import { foreground } from "./foreground.ts";

/** Gives the exit code. @throws ConfigError, RouterError, LinuxError, PlaneError: nothing is left behind. */
export async function run(role: "edge" | "gateway", file: string, state = STATE_FOLDER): Promise<number> {
  const read = readConfig(file);
  const log = makeLog(read.config.name, read.config.log);
  for (const warning of read.warnings) log.warn(formatProblem(file, warning));

  const { ended, end } = foreground(log);
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

  log.info({ pid: process.pid, file }, `${role} starts`);
  // The heavy parts (foreign functions, cryptography, HTTP) are loaded when the file is known to be good.
  const { openRouter } = await import("../router/open.ts");
  opened = await openRouter({
    file,
    read,
    state: join(state, read.config.name),
    log,
    failed: () => end(EXIT.failed),
  });
  log.info({ tunnels: read.config.tunnels.length }, `${role} runs`);
  const code = await ended;
  await opened.close();
  log.info("ended");
  return code;
}
