/** Runs iproute2's `ip`, the one way in which we change links, addresses and routes. Answers are JSON, errors LinuxErrors. */

import { execFile } from "node:child_process";
import { failed, LinuxError, type Reason } from "./error.ts";

/** In which network namespace (name of `ip netns`); absent: the one of this process. */
export interface Where {
  readonly netns?: string;
}

/** Milliseconds that one run of `ip` may take; it answers in about 3, so this means a kernel lock that is stuck. */
const TIMEOUT = 20_000;

/** What the kernel's and the tool's own words mean, as errno names. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/Operation not permitted|Permission denied/, "EPERM"],
  [/File exists|already exists|Address already assigned/, "EEXIST"],
  [/Cannot find device|No such device|does not exist/, "ENODEV"],
  [/No such process|No such file or directory|Cannot assign requested address|Address not found/, "ESRCH"],
  [/Network is unreachable|invalid gateway|Nexthop has invalid/i, "ENETUNREACH"],
  [/Device or resource busy/, "EBUSY"],
  [/Not supported|not supported|Unknown device type/, "EOPNOTSUPP"],
  [/Invalid argument|Invalid |is wrong|is a garbage|expected/, "EINVAL"],
];

const REASONS: Readonly<Record<string, Reason>> = {
  ENETUNREACH: {
    code: "unreachable",
    because: "the next hop is on none of the links",
    next: "See `ip address` and `ip route`: the gateway's network must be on a link that is up.",
  },
  EINVAL: { code: "invalid", because: "`ip` or the kernel does not accept a value", next: "" },
};

function errorOf(tried: string, stderr: string): LinuxError {
  const said = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("Command failed"));
  const words = said.join("; ").replace(/^RTNETLINK answers: |^Error: /, "");
  const errno = WORDS.find(([pattern]) => pattern.test(words))?.[1];
  if (errno === undefined) {
    return new LinuxError({ code: "failed", errno: "", tried, because: `\`ip\` says "${words}"`, next: "" });
  }
  const known = failed(errno, tried, REASONS);
  return new LinuxError({
    code: known.code,
    errno,
    tried,
    because: `\`ip\` says "${words}"`,
    next: known.next,
  });
}

interface Answer {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ip`, no shell between; rejects only when it cannot be run at all. */
function spawnIp(args: readonly string[], tried: string, where: Where, input: string | undefined): Promise<Answer> {
  const whole = where.netns === undefined ? [...args] : ["-n", where.netns, ...args];
  const options = { timeout: TIMEOUT, maxBuffer: 1 << 30, env: { ...process.env, LC_ALL: "C" } };
  return new Promise((resolve, reject) => {
    const child = execFile("ip", whole, options, (error, stdout, stderr) => {
      if (error !== null && error.code === "ENOENT") {
        reject(
          new LinuxError({
            code: "no-program",
            errno: "ENOENT",
            tried,
            because: "the program `ip` is not installed",
            next: "Install iproute2 (Debian, Ubuntu: apt-get install iproute2).",
          }),
        );
        return;
      }
      const late = error?.killed ? `no answer within ${TIMEOUT / 1000} s` : "";
      resolve({ ok: error === null, stdout, stderr: `${late}${stderr}` });
    });
    // The tool may end before it has read all its input; its exit status then tells more than the broken pipe.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/**
 * Runs `ip` with these arguments; what it printed.
 *
 * @param tried What it is for, as the rest of "could not …".
 * @throws LinuxError no-program, or what the kernel refused, by its words
 */
export async function runIp(args: readonly string[], tried: string, where: Where = {}): Promise<string> {
  const answer = await spawnIp(args, tried, where, undefined);
  if (!answer.ok) throw errorOf(tried, answer.stderr);
  return answer.stdout;
}

/** Runs `ip -j` and parses the answer; an empty answer is an empty list. */
export async function askIp<T extends object>(args: readonly string[], tried: string, where: Where = {}): Promise<T[]> {
  const text = await runIp(["-j", ...args], tried, where);
  const entries = text.trim() === "" ? [] : (JSON.parse(text) as T[]);
  // `ip -j` prints {} for entries that a filter hid.
  return entries.filter((entry) => Object.keys(entry).length > 0);
}

/**
 * Asks many questions of one family in one run of `ip -j -batch -`; all the answers' entries in a row.
 *
 * @throws LinuxError as runIp; nothing is answered then
 */
export async function askBatch<T extends object>(
  family: 4 | 6,
  lines: readonly (readonly string[])[],
  tried: string,
  where: Where = {},
): Promise<T[]> {
  if (lines.length === 0) return [];
  const input = `${lines.map((line) => line.join(" ")).join("\n")}\n`;
  // -N: numbers, not names, of types, protocols and tables; -d: the type of each route.
  const answer = await spawnIp(["-j", "-N", "-d", `-${family}`, "-batch", "-"], tried, where, input);
  if (!answer.ok) throw errorOf(tried, answer.stderr);
  // An array a line for each question; some versions leave out empty ones.
  const answers = answer.stdout.split("\n").filter((line) => line.trim() !== "");
  return answers.flatMap((line) => (JSON.parse(line) as T[]).filter((entry) => Object.keys(entry).length > 0));
}

/** A line of a batch was refused: those before it were carried out, those after it were not. */
export class BatchError extends LinuxError {
  /** Index, from 0, of the line that failed. */
  readonly line: number;

  constructor(cause: LinuxError, line: number) {
    super(cause);
    this.line = line;
  }
}

/**
 * Carries out many commands in one run of `ip -batch -`: about 20 µs each instead of 3 ms. Stops at the first that fails.
 *
 * @param lines Each the arguments of one command ("route", "replace", …).
 * @throws BatchError with the index of the line that failed; LinuxError no-program
 */
export async function batchIp(lines: readonly (readonly string[])[], where: Where = {}): Promise<void> {
  if (lines.length === 0) return;
  const tried = (index: number): string => `run \`ip ${lines[index].join(" ")}\``;
  lines.forEach((line, index) => {
    // A batch is split at white space and has comments and quotes; none of our names needs them.
    const odd = line.find((word) => word === "" || /[\s#"'\\]/.test(word));
    if (odd === undefined) return;
    const because = `${JSON.stringify(odd)} cannot be an argument`;
    const cause = new LinuxError({ code: "invalid", errno: "", tried: tried(index), because, next: "" });
    throw new BatchError(cause, index);
  });
  const input = `${lines.map((line) => line.join(" ")).join("\n")}\n`;
  const answer = await spawnIp(["-batch", "-"], `run a batch of ${lines.length} commands`, where, input);
  if (answer.ok) return;
  const named = /Command failed -:(\d+)/.exec(answer.stderr);
  const index = named === null ? 0 : Number(named[1]) - 1;
  throw new BatchError(errorOf(tried(index), answer.stderr), index);
}
