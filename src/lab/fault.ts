/** What goes wrong in the lab, told to a network engineer: what was tried, and what to do next. */

export type FaultCode =
  | "not-root"
  | "not-linux"
  | "missing-program"
  | "missing-feature"
  | "install-failed"
  | "command-failed"
  | "command-timeout"
  | "lab-running"
  | "lab-absent"
  | "foreign-namespace"
  | "unknown-place"
  | "router-died"
  | "tunnel-down"
  | "status-unreachable"
  | "capture-failed"
  | "bad-output"
  | "interrupted";

export class LabFault extends Error {
  readonly code: FaultCode;
  /** The next step, as a sentence; empty when the message says it already. */
  readonly next: string;

  constructor(code: FaultCode, message: string, next = "") {
    super(next === "" ? message : `${message} ${next}`);
    this.name = "LabFault";
    this.code = code;
    this.next = next;
  }
}
