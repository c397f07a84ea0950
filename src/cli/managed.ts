/** `vcpe edge` and `vcpe gateway` without a file: runs the router of an identity that joined a console, in the foreground. */
import { Agent } from "../agent/agent.ts";
import type { StartRouter } from "../agent/carrier.ts";
import { AGENT_FOLDER, chooseIdentity, folderOf } from "../agent/folder.ts";
import { makeLog } from "../router/log.ts";
import { openRouter } from "../router/open.ts";
import { EXIT } from "./exit.ts";
import { foreground } from "./foreground.ts";

export interface ManagedFlags {
  readonly serial?: string;
  readonly state?: string;
}

/** Gives the exit code. @throws AgentError, RouterError already-running: nothing is left behind. */
export async function runManaged(
  role: "edge" | "gateway",
  { serial, state = AGENT_FOLDER }: ManagedFlags,
): Promise<number> {
  const chosen = chooseIdentity(serial, state);
  const folder = folderOf(chosen, state);
  const release = folder.hold();
  const log = makeLog(chosen, "info");
  const { ended, end } = foreground(log);
  process.on("SIGHUP", () => log.info("nothing to read again: the console decides what this router does"));
  log.info({ pid: process.pid, serial: chosen }, `managed ${role} starts`);
  const start: StartRouter = async (config, secrets, turned) => {
    const opened = await openRouter({
      read: { config, secrets },
      state: folder.path,
      log,
      turned,
      failed: () => end(EXIT.failed),
      managed: () => agent.status(),
    });
    return {
      apply: (now, fresh) => opened.apply(now, fresh),
      states: () => opened.observer.states(),
      attachments: () => opened.observer.attachments(),
      observe: () => opened.observer.observe(),
      tunnels: (names) => opened.observer.tunnels(names),
      close: () => opened.close(),
    };
  };
  const agent = Agent.open({ folder, start, log });
  await agent.start();
  const code = await ended;
  await agent.close();
  release();
  log.info("ended");
  return code;
}
