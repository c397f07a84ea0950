/** Asks for a secret on the terminal; what is typed is not shown. */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** One line. Ctrl-C ends the program, as it does elsewhere. */
export function promptSecret(question: string): Promise<string> {
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: mute, terminal: true });
  process.stderr.write(question);
  return new Promise((resolve) => {
    lines.on("SIGINT", () => {
      process.stderr.write("\n");
      process.exit(130);
    });
    lines.question("", (answer) => {
      lines.close();
      process.stderr.write("\n");
      resolve(answer);
    });
    lines.on("close", () => resolve(""));
  });
}
