/** What the IKE core tells the operator, and what the datapath refuses: logged, and the last fault of each tunnel kept for the status. */
import type { Effect, IkeEvent } from "../ike/effect.ts";
import { formatAddress } from "./address.ts";
import { sentenceOf } from "./error.ts";
import type { Log } from "./log.ts";

/** What went wrong last with a peer, for status. */
export interface LastError {
  readonly code: string;
  readonly message: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export class Faults {
  readonly #log: Log;
  readonly #last = new Map<string, LastError>();

  constructor(log: Log) {
    this.#log = log;
  }

  of(tunnel: string): LastError | undefined {
    return this.#last.get(tunnel);
  }

  /** The tunnel works again, or is gone. */
  forget(tunnel: string): void {
    this.#last.delete(tunnel);
  }

  /** `now`: milliseconds since the Unix epoch. */
  report({ peer, level, code, message }: IkeEvent, now: number): void {
    const fields = { ...(peer === undefined ? {} : { tunnel: peer }), code };
    this.#log[level](fields, message);
    if (peer !== undefined && level !== "info") this.#last.set(peer, { code, message, at: Math.round(now) });
  }

  /** The datapath could not carry this effect out. */
  refused(effect: Effect, error: unknown, now: number): void {
    const tunnel = effect.kind === "install" ? effect.child.peer : effect.kind === "path" ? effect.peer : undefined;
    const to = effect.kind === "send" ? { to: formatAddress(effect.datagram.remote.address) } : {};
    this.#log.error({ err: error, effect: effect.kind, tunnel, ...to }, "the datapath refused");
    if (tunnel === undefined) return;
    this.#last.set(tunnel, { code: "datapath-refused", message: sentenceOf(error), at: Math.round(now) });
  }
}
