/** What an agent refuses, or fails at: a stable code, a sentence for a network engineer, and the next step. */

import { sentenceOf } from "../router/error.ts";

export type AgentErrorCode =
  /** The folder of identities, or a file in it. */
  | "agent-folder"
  /** The disk does not take the configuration that runs. */
  | "not-kept"
  /** No identity, or several and it was not said which. */
  | "not-joined"
  | "which-one"
  /** The serial number cannot be one. */
  | "serial"
  /** The device key cannot be one, or cannot be had. */
  | "device-key"
  | "console-url"
  /** What --ca gives is none. */
  | "fingerprint"
  /** Nobody answers, or not as a console. */
  | "console-unreachable"
  /** Not the certificate that --ca names, or one that does not name the console. */
  | "console-certificate"
  /** The answer does not prove that the console knows the key: somebody stands between. */
  | "console-proof"
  /** The console said no; its words are in the message. */
  | "refused";

export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: AgentErrorCode;
  /** What to do now; one sentence without its full stop. */
  readonly next: string;

  constructor(code: AgentErrorCode, message: string, next: string) {
    super(`${message}. ${next}.`);
    this.code = code;
    this.next = next;
  }
}

/** Whatever was thrown, as the console is told of it. */
export function faultOf(error: unknown): { code: string; message: string } {
  const { code } = error as { code?: unknown };
  return {
    code: typeof code === "string" ? code.slice(0, 64) : "failed",
    message: sentenceOf(error).slice(0, 2000),
  };
}
