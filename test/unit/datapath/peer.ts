import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("./peer.child.ts", import.meta.url));

/** The test's end of a peer.child.ts in a namespace. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #ended: Promise<void>;
  #next = 1;
  #stderr = "";

  constructor(namespace: string) {
    // exec: the process is node itself, so that a signal reaches it and not a shell.
    this.#child = spawn("ip", ["netns", "exec", namespace, process.execPath, FILE], { stdio: "pipe" });
    this.#child.stderr!.on("data", (text) => {
      this.#stderr += text;
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      const { id, result, error } = JSON.parse(line);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on("exit", (code, signal) => {
        for (const { reject } of this.#waiting.values()) {
          reject(new Error(`peer ended (${code ?? signal}): ${this.#stderr}`));
        }
        resolve();
      });
    });
  }

  call<T>(action: string, argument?: unknown): Promise<T> {
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.stdin!.write(`${JSON.stringify({ id, action, argument })}\n`);
    });
  }

  /** Resolves when the process has gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Asks it to end by closing its input, as a well-behaved one does after `close`. */
  async end(): Promise<void> {
    this.#child.stdin!.end();
    await this.#ended;
  }
}
