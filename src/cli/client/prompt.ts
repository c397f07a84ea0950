/** Asks a person at the terminal. */
import { createInterface } from "node:readline/promises";
import { ClientError } from "./error.ts";
import type { Terminal } from "./terminal.ts";

export function hasPerson({ input, err }: Terminal): boolean {
  return input.isTTY === true && err.isTTY === true;
}

/** Yes or no; no is the answer to anything but yes. */
export async function confirm({ input, err }: Terminal, question: string): Promise<boolean> {
  const lines = createInterface({ input, output: err, terminal: false });
  try {
    err.write(`${question} [y/N] `);
    const answer = await Promise.race([
      lines.question(""),
      new Promise<string>((resolve) => lines.once("close", () => resolve(""))),
    ]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/** A text that is typed unseen. @param otherwise what to do where nobody can be asked. @throws ClientError interrupted, no-terminal */
export async function askSecret(terminal: Terminal, question: string, otherwise: string): Promise<string> {
  const { input, err } = terminal;
  if (!hasPerson(terminal) || !input.setRawMode) {
    throw new ClientError(
      "failed",
      "no-terminal",
      `there is no terminal to ask at: ${question.replace(/: $/, "")}`,
      otherwise,
    );
  }
  // First unseen, then asked: who types at once is not seen either.
  input.setRawMode(true);
  input.resume();
  err.write(question);
  try {
    return await new Promise<string>((resolve, reject) => {
      const typed: string[] = [];
      const end = (act: () => void) => {
        input.off("data", heard);
        input.off("end", ended);
        act();
      };
      const stop = () =>
        end(() => reject(new ClientError("failed", "interrupted", "nothing was done", "Type it next time")));
      const ended = () => stop();
      const heard = (chunk: Buffer | string) => {
        for (const char of String(chunk)) {
          if (char === "\r" || char === "\n") return end(() => resolve(typed.join("")));
          if (char === "\x03" || (char === "\x04" && typed.length === 0)) return stop();
          if (char === "\x7f" || char === "\b") typed.pop();
          else if (char === "\x15") typed.length = 0;
          else if (char >= " ") typed.push(char);
        }
      };
      input.on("data", heard);
      input.on("end", ended);
    });
  } finally {
    input.setRawMode(false);
    input.pause();
    err.write("\n");
  }
}
