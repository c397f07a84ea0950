/** Pings all lines in turn, so that both ends notice when the other is gone (protocol/stream.ts). */
import { CLOSE, PING_EVERY } from "../../protocol/stream.ts";
import type { Line } from "./line.ts";

/** Lines that are pinged at once are one of so many groups: one each second. */
const GROUPS = Math.round(PING_EVERY / 1000);

export class Heartbeat {
  readonly #now: () => number;
  readonly #lost: (line: Line) => void;
  readonly #groups: readonly Set<Line>[] = Array.from({ length: GROUPS }, () => new Set<Line>());
  readonly #timer: NodeJS.Timeout;
  #joined = 0;
  #beats = 0;

  /** @param lost told of lines that were ended: they answer no more, or their certificate has expired */
  constructor(now: () => number, lost: (line: Line) => void) {
    this.#now = now;
    this.#lost = lost;
    this.#timer = setInterval(() => this.#beat(), PING_EVERY / GROUPS);
    this.#timer.unref();
  }

  join(line: Line): void {
    this.#groups[this.#joined++ % GROUPS].add(line);
  }

  leave(line: Line): void {
    for (const group of this.#groups) group.delete(line);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = this.#now();
    for (const line of this.#groups[this.#beats++ % GROUPS]) {
      if (line.passport.expires < now) line.end(CLOSE.identity, "the certificate has expired");
      else if (line.ping(now)) continue;
      else line.cut();
      this.#lost(line);
    }
  }
}
