/** "Not now": what was asked for may be good, but must wait. */
import { ConsoleError } from "../error.ts";

export class TryLater extends ConsoleError {
  /** For Retry-After. */
  readonly seconds: number;

  /** @param status 429: the client's doing; 503: ours. @param wait milliseconds */
  constructor(status: 429 | 503, code: string, message: string, wait: number) {
    const seconds = Math.max(1, Math.ceil(wait / 1000));
    super(status, code, message, `Try again in ${seconds} s`);
    this.seconds = seconds;
  }
}
