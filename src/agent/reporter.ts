/**
 * When the console is told how the router is:
 *
 *   every 10 s                all that has changed
 *   at the next look, 1 s     all that has changed, when a tunnel or an attachment has another state
 *   at once                   tunnels that traffic went over from and to, and no others: who carries it is what alarms are made of
 */
import type { ReportFrame } from "../protocol/stream.ts";
import type { ManagedRouter } from "./carrier.ts";
import { Reports } from "./reports.ts";

/** Milliseconds. */
export const REPORT_EVERY = 10_000;
const POLL_EVERY = 1000;
/** Tunnels turn together: those of one moment are told together, and the next ones so much later. Milliseconds. */
const GATHER = 20;
const TURN_EVERY = 250;
/** A look, or telling what has turned, may take one part in so many of the time. */
const SHARE = 100;

export interface ReporterParts {
  readonly router: () => ManagedRouter | undefined;
  /** Can the console be told something now? "away": there is no connection; "slow": it has not read what it was sent. */
  readonly console: () => "ready" | "slow" | "away";
  readonly send: (frame: ReportFrame) => void;
  /** Called at each look; `due`: at those at which a report is due. */
  readonly look: (due: boolean) => void;
}

export class Reporter {
  readonly #parts: ReporterParts;
  readonly #reports = new Reports();
  /** By performance.now, which no clock that is set back holds up. */
  #reportedAt = Number.NEGATIVE_INFINITY;
  #poll: NodeJS.Timeout | undefined;
  /** Tunnels that have turned and were not told yet. */
  #turned = new Set<string>();
  #turning: NodeJS.Timeout | undefined;
  /** When those that turn may be told again, by performance.now. */
  #free = 0;
  #closed = false;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#schedule(POLL_EVERY);
  }

  /** A new connection: the console knows nothing. */
  reset(): void {
    this.#reports.reset();
  }

  /** Tells all that has changed. */
  report(): void {
    const { router, console, send } = this.#parts;
    const running = router();
    if (!running || console() !== "ready") return;
    this.#reportedAt = performance.now();
    this.#turned.clear();
    for (const frame of this.#reports.frames(running.observe())) send(frame);
  }

  /** These may carry traffic that they did not carry, or the other way round. */
  turned(tunnels: readonly string[]): void {
    for (const tunnel of tunnels) this.#turned.add(tunnel);
    this.#tellSoon(Math.max(GATHER, this.#free - performance.now()));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#poll);
    clearTimeout(this.#turning);
  }

  #schedule(pause: number): void {
    this.#poll = setTimeout(() => {
      const begun = performance.now();
      const router = this.#parts.router();
      const due = begun - this.#reportedAt >= REPORT_EVERY;
      this.#parts.look(due);
      if (router && (due || this.#reports.differs(router.states(), router.attachments()))) this.report();
      const took = performance.now() - begun;
      if (!this.#closed) this.#schedule(Math.max(POLL_EVERY, took * SHARE));
    }, pause);
  }

  #tellSoon(pause: number): void {
    if (this.#closed) return;
    this.#turning ??= setTimeout(() => {
      this.#turning = undefined;
      this.#tell();
    }, pause);
  }

  #tell(): void {
    const { router, console, send } = this.#parts;
    const running = router();
    // Who connects is told all.
    if (!running || console() === "away") this.#turned.clear();
    if (!running || this.#turned.size === 0) return;
    if (console() === "slow") {
      this.#tellSoon(TURN_EVERY);
      return;
    }
    const begun = performance.now();
    const names = this.#turned;
    this.#turned = new Set();
    for (const frame of this.#reports.some(running.tunnels(names))) send(frame);
    const ended = performance.now();
    this.#free = ended + Math.max(TURN_EVERY, (ended - begun) * SHARE);
  }
}
