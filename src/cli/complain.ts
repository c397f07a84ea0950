/** What a person reads when something went wrong: one sentence on standard error, and the exit code that says it to scripts. */
import type { AgentErrorCode } from "../agent/error.ts";
import { shown } from "../router/shown.ts";
import { type ClientError, capital, type Reason } from "./client/error.ts";
import { EXIT } from "./exit.ts";

const REASONS: Readonly<Record<Reason, number>> = {
  "not-logged-in": EXIT.notLoggedIn,
  refused: EXIT.refused,
  "no-answer": EXIT.notRunning,
  usage: EXIT.usage,
  failed: EXIT.failed,
};

/** `vcpe join` ends as the commands of the console's client do. */
const AGENT: Readonly<Partial<Record<AgentErrorCode, number>>> = {
  "not-joined": EXIT.usage,
  "which-one": EXIT.usage,
  "console-url": EXIT.usage,
  fingerprint: EXIT.usage,
  serial: EXIT.usage,
  "console-unreachable": EXIT.notRunning,
  "console-certificate": EXIT.notRunning,
  "console-proof": EXIT.notRunning,
  refused: EXIT.refused,
};

/** Errors of ours carry a `code`; anything else is a fault in the program and shows its stack. */
export function complain(error: unknown): number {
  const { name, code, message, stack } = error as Error & { readonly code?: string };
  const say = (...lines: readonly string[]) => process.stderr.write(lines.map((line) => `${shown(line)}\n`).join(""));
  switch (name) {
    case "ConfigError":
      say(...message.split("\n"));
      return EXIT.config;
    case "StatusError": {
      const { problems } = error as unknown as { readonly problems: readonly string[] };
      say(...(problems.length > 0 ? problems : [`vcpe: ${message}`]));
      if (code === "config-invalid") return EXIT.config;
      return code === "not-running" || code === "no-answer" || code === "not-permitted" ? EXIT.notRunning : EXIT.failed;
    }
    case "RouterError":
      // What a command of the host said may be several lines.
      say(...`vcpe: ${capital(message)}`.split("\n"));
      return code === "already-running" ? EXIT.alreadyRunning : EXIT.failed;
    case "ClientError": {
      // Loaded by whoever threw it.
      const refused = error as ClientError;
      say(...refused.lines());
      return REASONS[refused.reason];
    }
    case "AgentError":
      say(`vcpe: ${capital(message)}`);
      return AGENT[code as AgentErrorCode] ?? EXIT.failed;
    case "AuthorityError":
      say(`vcpe: ${message}`);
      return EXIT.failed;
    case "StartError":
    case "ConsoleError": {
      const { next = "" } = error as { readonly next?: string };
      say(`vcpe: ${capital(message)}. ${next}.`);
      return code === "already-running" ? EXIT.alreadyRunning : EXIT.failed;
    }
    case "LinuxError":
    case "PlaneError":
      say(...`vcpe: ${message}`.split("\n"));
      return EXIT.failed;
    default:
      say("vcpe: a fault in the program; please report it.", ...(stack ?? String(error)).split("\n"));
      return EXIT.internal;
  }
}
