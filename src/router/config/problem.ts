/** What is wrong, or doubtful, in a configuration; one sentence of what, one of what to do. */

import { shown } from "../shown.ts";

export type Path = readonly (string | number)[];

export interface Problem {
  readonly severity: "error" | "warning";
  /** Stable word: "unknown-key", "format", "duplicate-name" … */
  readonly code: string;
  readonly path: Path;
  /** From 1; 0 where there is no source text. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What to do about it. */
  readonly next: string;
}

/** A problem before its place in the source is known. */
export type Finding = Omit<Problem, "line" | "column">;

export function error(code: string, path: Path, message: string, next: string): Finding {
  return { severity: "error", code, path, message, next };
}

export function warning(code: string, path: Path, message: string, next: string): Finding {
  return { severity: "warning", code, path, message, next };
}

/** Each text at most once; the second and later ones are findings that name the first. */
export function once(
  code: string,
  what: string,
  entries: readonly { readonly text: string; readonly path: Path }[],
): Finding[] {
  const first = new Map<string, Path>();
  return entries.flatMap(({ text, path }) => {
    const earlier = first.get(text);
    if (!earlier) {
      first.set(text, path);
      return [];
    }
    return [
      error(code, path, `${what} "${text}" is used twice, first in ${formatPath(earlier)}`, "Choose another one"),
    ];
  });
}

/** tunnels[1].esp.lifetime */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    const safe = /^[\w-]+$/.test(step) ? step : JSON.stringify(step);
    return text === "" ? safe : `${text}.${safe}`;
  }, "");
}

/** One line, as compilers write them: file:line:column: path: message. Next step. */
export function formatProblem(file: string, problem: Problem): string {
  const place = problem.line > 0 ? `${file}:${problem.line}:${problem.column}` : file;
  const path = problem.path.length > 0 ? `${formatPath(problem.path)}: ` : "";
  const kind = problem.severity === "warning" ? "warning: " : "";
  return shown(`${place}: ${kind}${path}${problem.message}. ${problem.next}${problem.next.endsWith("?") ? "" : "."}`);
}

/** A configuration that cannot be used. `problems` holds all of it that was found, warnings too, in the order of the file. */
export class ConfigError extends Error {
  readonly code = "config-invalid";
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    super(problems.map((problem) => formatProblem(file, problem)).join("\n"));
    this.name = "ConfigError";
    this.file = file;
    this.problems = problems;
  }
}
