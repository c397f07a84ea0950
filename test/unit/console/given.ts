/** A console with a certificate that was brought along, on any port of this machine. */
import { type ConsoleOptions, type OpenConsole, openConsole } from "../../../src/console/console.ts";
import { silent } from "../router/silent.ts";
import { CHEAP } from "./auth/site.ts";

export function openGiven(options: Pick<ConsoleOptions, "folder" | "certificate" | "reread">): Promise<OpenConsole> {
  const listen = { host: "127.0.0.1", port: 0 };
  return openConsole({ ...options, listen, names: ["localhost"], cost: CHEAP, log: silent });
}
