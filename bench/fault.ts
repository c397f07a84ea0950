/** What a bench refuses to begin with: a wrong wish of the person who started it. */

export type BenchFaultCode =
  | "unknown-system"
  | "unknown-part"
  | "not-a-program"
  | "no-results"
  | "bad-rate"
  | "not-measured";

export class BenchFault extends Error {
  readonly code: BenchFaultCode;

  /** `next`: the next step, as a sentence. */
  constructor(code: BenchFaultCode, message: string, next: string) {
    super(`${message} ${next}`);
    this.name = "BenchFault";
    this.code = code;
  }
}
