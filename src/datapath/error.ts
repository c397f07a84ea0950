/** What the control side of the datapath refuses. */

export type PlaneErrorCode =
  /** build/vcpe.wasm is not there. */
  | "not-built"
  /** The limits asked for do not fit into 4 GiB, or are out of range. */
  | "limits"
  /** A table chosen at start has no room left. */
  | "full"
  /** A handle, index or SPI that is not (or no longer) in use. */
  | "unknown"
  /** It still has something that depends on it. */
  | "in-use"
  /** A value out of range. */
  | "invalid"
  /** No AEAD engine gives the right answer. */
  | "engine"
  /** A worker did not start, or ended by itself. */
  | "worker";

export class PlaneError extends Error {
  override readonly name = "PlaneError";
  readonly code: PlaneErrorCode;

  /** `message`: what went wrong and what to do, whole sentences. */
  constructor(code: PlaneErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
