/** The operator: types `vcpe` commands at a place of the lab, as a person would, and sees what they print. */
import { attempt, type Finished, inside, tail } from "../command.ts";
import { LabFault } from "../fault.ts";

export interface OperatorOptions {
  /** Namespace in which the commands run. */
  readonly namespace: string;
  /** How to start vcpe: the program and what comes before the sub-command. */
  readonly entry: readonly string[];
  /** Where the operator keeps what `vcpe login` gave. */
  readonly credentials: string;
  /** A line for a person: the commands as they are typed. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

export class Operator {
  readonly #options: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** Runs a command and gives back its standard output. Fault `command-failed` with what it said. */
  async type(...args: readonly string[]): Promise<string> {
    const done = await this.attempt(...args);
    if (done.code !== 0) {
      throw new LabFault(
        "command-failed",
        `\`vcpe ${args.join(" ")}\` ended with ${done.code}.${tail(done.stderr || done.stdout)}`,
      );
    }
    return done.stdout;
  }

  /** The same, whatever its exit code. */
  attempt(...args: readonly string[]): Promise<Finished> {
    this.#options.say(typed(args));
    return this.#run(args);
  }

  /** The same, and reads what the command prints with `--json`. */
  async ask<T>(...args: readonly string[]): Promise<T> {
    this.#options.say(typed(args));
    const done = await this.#run([...args, "--json"]);
    if (done.code !== 0) {
      throw new LabFault(
        "command-failed",
        `\`vcpe ${args.join(" ")} --json\` ended with ${done.code}.${tail(done.stderr)}`,
      );
    }
    try {
      return JSON.parse(done.stdout) as T;
    } catch {
      throw new LabFault("bad-output", `\`vcpe ${args.join(" ")} --json\` gave no JSON.${tail(done.stdout)}`);
    }
  }

  #run(args: readonly string[]): Promise<Finished> {
    const { namespace, entry, credentials, signal } = this.#options;
    const env = { ...process.env, VCPE_CREDENTIALS: credentials };
    return attempt(inside(namespace, [...entry, ...args]), { env, timeoutMs: 60_000, ...(signal ? { signal } : {}) });
  }
}

/** The line that shows a command: where it is typed, when that is not at the office, and its words. */
export function typed(words: readonly string[], place?: string): string {
  return `         ${place === undefined ? "" : `${place} `}$ vcpe ${words.map(quoted).join(" ")}`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`;
}
