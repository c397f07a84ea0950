/** The folder where results are kept, one file for each kind of bench, and what is in them. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CompileResult } from "./compile/compile.ts";
import type { MicroResult } from "./micro/micro.ts";
import type { NetResult } from "./net/net.ts";
import type { ShapeResult } from "./net/shape.ts";
import type { SpecResult } from "./net/spec.ts";
import type { PathResult } from "./path/path.ts";
import type { SoakResult } from "./path/soak.ts";

/** The kinds that `vcpe bench` keeps; those that were not run are missing. */
export interface Results {
  readonly micro?: MicroResult;
  readonly path?: PathResult;
  readonly soak?: SoakResult;
  readonly net?: NetResult;
  readonly spec?: SpecResult;
  readonly shape?: ShapeResult;
  readonly compile?: CompileResult;
}

/** Results lie in the folder from which the bench was started. */
const RESULTS = "bench-results";

/** Keeps the result of one kind; an older one of this kind is replaced. Gives back the file. */
export function keep(kind: string, result: unknown, folder = RESULTS): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${kind}.json`);
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  return file;
}

/** All results that are kept, by kind. @throws SyntaxError when a file there is not JSON */
export function kept(folder = RESULTS): Results {
  const found: Record<string, unknown> = {};
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return found;
  }
  for (const name of names) found[name.slice(0, -5)] = JSON.parse(readFileSync(join(folder, name), "utf8"));
  return found as Results;
}
