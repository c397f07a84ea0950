/** The order in which test files begin. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest, longest first: begun last, one of them would run on when all others are done. Vitest finds it out by itself,
 * but remembers it only where node_modules stays.
 */
const LONGEST = [
  "interop/liveness",
  "net/tutorial",
  "interop/strongswan",
  "net/resilience",
  "net/rekey",
  "net/offload",
  "unit/datapath/plane.net",
  "unit/assembly/fib",
  "unit/cli/main",
  "unit/cli/launcher",
];

function place({ moduleId }: TestSpecification): number {
  const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return at < 0 ? LONGEST.length : at;
}

export class LongestFirst extends BaseSequencer {
  /** The projects one after another, as always. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const group = (file: TestSpecification): number => file.project.config.sequence.groupOrder;
    return sorted.sort((a, b) => group(a) - group(b) || place(a) - place(b));
  }
}
