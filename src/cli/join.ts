/** `vcpe join` and `vcpe leave`: gives this host the identity of a device at a console, and takes it away again. */
import { readFileSync, statSync } from "node:fs";
import { consoleUrl } from "../agent/console.ts";
import { AgentError } from "../agent/error.ts";
import { AGENT_FOLDER, chooseIdentity, folderOf } from "../agent/folder.ts";
import { thisHost } from "../agent/host.ts";
import { saveIdentity } from "../agent/identity.ts";
import { enrol } from "../agent/join.ts";
import { readDeviceKey } from "../protocol/key.ts";
import { shown } from "../router/shown.ts";
import { living } from "../router/status/client.ts";
import { askSecret } from "./client/prompt.ts";
import { processTerminal } from "./client/terminal.ts";

export interface JoinFlags {
  readonly console: string;
  readonly serial: string;
  readonly ca?: string;
  readonly keyFile?: string;
  readonly state?: string;
}

const OTHERWISE = "Give it with --key-file, or in VCPE_KEY";

const say = (line: string) => void process.stdout.write(`${shown(line)}\n`);

/** @throws AgentError: nothing has changed on this host. */
export async function join({ console, serial: written, ca, keyFile, state = AGENT_FOLDER }: JoinFlags): Promise<void> {
  const url = consoleUrl(console);
  const serial = written.trim().toLowerCase();
  if (!/^[a-z0-9]{1,64}$/.test(serial))
    throw new AgentError(
      "serial",
      `"${written}" is no serial number`,
      "Type it as the console showed it: letters and digits",
    );
  const key = readDeviceKey(await keyText(keyFile));
  if (typeof key === "string") {
    throw new AgentError("device-key", key, "Type it as the console showed it; nothing was sent");
  }
  const host = thisHost(state);
  const identity = await enrol({ url, serial, key, host, say, ...(ca === undefined ? {} : { ca }) });
  const folder = folderOf(serial, state);
  saveIdentity(folder, identity);
  folder.forgetRoots();
  say(`this host is ${serial} at ${identity.console} now`);
  const running = await runs(serial, state);
  say(
    running
      ? "The router that runs takes the new identity within seconds."
      : `Next: vcpe edge --serial ${serial} (a gateway: vcpe gateway …), or systemctl enable --now vcpe@${serial}`,
  );
}

/** Also one that waits for its first configuration, and has no status yet. */
async function runs(serial: string, state: string): Promise<boolean> {
  return folderOf(serial, state).held() || (await living()).includes(serial);
}

/** @throws AgentError, RouterError run-folder */
export async function leave({ serial, state = AGENT_FOLDER }: { serial?: string; state?: string }): Promise<void> {
  const chosen = chooseIdentity(serial, state);
  if (await runs(chosen, state)) {
    throw new AgentError("agent-folder", `the router ${chosen} runs`, "End it first, then leave");
  }
  folderOf(chosen, state).remove();
  say(`The identity of ${chosen} and its configuration are gone from this host.`);
  say("At the console the device stays; reset its key or release it there before another host joins.");
}

/** From a file, the environment, or the terminal; never from an argument, which every user of the host can see. */
async function keyText(file: string | undefined): Promise<string> {
  if (file !== undefined) {
    try {
      if ((statSync(file).mode & 0o007) !== 0)
        say(`warning: every user of this host may read ${file}; run: chmod 600 ${file}`);
      return readFileSync(file, "utf8").trim();
    } catch (error) {
      throw new AgentError(
        "device-key",
        `the key file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
        "Check the path and its permissions",
      );
    }
  }
  const { VCPE_KEY } = process.env;
  if (VCPE_KEY !== undefined) {
    // Programs that are started from here need not know it.
    delete process.env.VCPE_KEY;
    return VCPE_KEY;
  }
  if (process.stdin.isTTY !== true) {
    throw new AgentError("device-key", "there is no terminal to ask for the device key", OTHERWISE);
  }
  return askSecret(processTerminal, "Device key: ", OTHERWISE);
}
