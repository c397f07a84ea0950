import type { CounterName } from "./counter.ts";
import { NOTIFY, type NotifyPayload, nameOf, PROTOCOL } from "./wire/index.ts";

/**
 * A request that we answer with an error notification (RFC 7296 §2.21, §3.10.1). Thrown by the code that answers, turned
 * into the answer by the IKE SA. `message` says what is wrong and what to do, for the operator on this side.
 */
export class Refusal extends Error {
  readonly notify: number;
  readonly counter: CounterName;
  readonly data: Uint8Array;
  /** ESP SPI that it concerns (CHILD_SA_NOT_FOUND). */
  readonly spi: Uint8Array;

  constructor(
    notify: number,
    counter: CounterName,
    message: string,
    about: { readonly data?: Uint8Array; readonly spi?: Uint8Array } = {},
  ) {
    super(message);
    this.name = "Refusal";
    this.notify = notify;
    this.counter = counter;
    this.data = about.data ?? new Uint8Array(0);
    this.spi = about.spi ?? new Uint8Array(0);
  }

  /** Stable word: the name of the notification. */
  get code(): string {
    return nameOf(NOTIFY, this.notify);
  }

  payload(): NotifyPayload {
    const protocol = this.spi.length > 0 ? PROTOCOL.ESP : PROTOCOL.NONE;
    return { kind: "notify", protocol, spi: this.spi, notify: this.notify, data: this.data };
  }
}

/** What a request lacks. Fatal for the IKE SA (RFC 7296 §2.21.3). */
export function missing(what: string): Refusal {
  return new Refusal(NOTIFY.INVALID_SYNTAX, "invalid-syntax", `The peer's request has no ${what}`);
}
