/** Programs that the lab runs to an end: their output, their exit code, and a bound on how long they may take. */
import { type ChildProcess, spawn } from "node:child_process";
import { LabFault } from "./fault.ts";

export interface CommandOptions {
  /** Text for the program's standard input; without it the input is empty. */
  readonly input?: string;
  /** Milliseconds after which the program is ended (SIGKILL) and `command-timeout` is thrown. Default 30,000. */
  readonly timeoutMs?: number;
  /** Ends the program at once, as Ctrl-C does; `interrupted` is thrown. */
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
  /** Told of the program as soon as it runs. */
  readonly started?: (child: ChildProcess) => void;
}

export interface Finished {
  /** Exit code; −1 when a signal ended the program. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** Runs `argv` and gives back what it said, whatever its exit code. */
export function attempt(argv: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  if (options.signal?.aborted) return Promise.reject(new LabFault("interrupted", "Interrupted."));
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ["pipe", "pipe", "pipe"], env: options.env ?? process.env });
    let ended: LabFault | undefined;
    let stdout = "";
    let stderr = "";
    const end = (fault: LabFault) => {
      ended ??= fault;
      child.kill("SIGKILL");
    };
    const aborted = () => end(new LabFault("interrupted", "Interrupted."));
    const timer = setTimeout(() => {
      const seconds = timeoutMs / 1000;
      end(new LabFault("command-timeout", `\`${argv.join(" ")}\` did not end within ${seconds} s.${tail(stderr)}`));
    }, timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", aborted);
    };
    options.signal?.addEventListener("abort", aborted, { once: true });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      settle();
      const why = error.code === "ENOENT" ? "is not installed" : `cannot be run: ${error.message}`;
      reject(new LabFault("missing-program", `\`${argv[0]}\` ${why}.`));
    });
    child.on("close", (code) => {
      settle();
      if (ended) reject(ended);
      else resolve({ code: code ?? -1, stdout, stderr, ms: performance.now() - begun });
    });
    child.stdin.on("error", () => {
      // The program ended before it read everything: its exit code tells what matters.
    });
    child.stdin.end(options.input ?? "");
    if (child.pid !== undefined) options.started?.(child);
  });
}

/** Runs `argv` and gives back its standard output; an exit code other than 0 throws `command-failed`. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const done = await attempt(argv, options);
  if (done.code !== 0) {
    const said = tail(done.stderr === "" ? done.stdout : done.stderr);
    throw new LabFault("command-failed", `\`${argv.join(" ")}\` ended with ${done.code}.${said}`);
  }
  return done.stdout;
}

/** `argv` as it is run inside a network namespace; `ip` replaces itself by the program, so the process id stays. */
export function inside(namespace: string, argv: readonly string[]): string[] {
  return ["ip", "netns", "exec", namespace, ...argv];
}

/** Last lines of what a program said, to go behind a sentence. */
export function tail(text: string, lines = 6): string {
  const last = text.trim().split("\n").slice(-lines).join("\n");
  return last === "" ? "" : ` It said:\n${last}`;
}
