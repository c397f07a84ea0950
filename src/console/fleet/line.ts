/** The connection of one device: its feed, its heartbeat, and how fast it may talk. */
import type { WebSocket } from "ws";
import type { FromConsole } from "../../protocol/stream.ts";
import { Feed } from "./feed.ts";
import type { Passport } from "./passport.ts";

/** Frames from an agent: so many at once, and so many a second for long. A gateway's first report with 10,000 tunnels has ten. */
const BURST = 200;
const PER_SECOND = 20;

/**
 * Frames that may not have left for the network yet. One that has read its frame and answered has at most its own and the next one under
 * way; one that answers without reading would have all of them kept here.
 */
const UNSENT = 4;

/** Pings without an answer after which it is gone. */
const MISSED = 2;

/** Who was told something in so many milliseconds knows that the console lives, and answers that as it would a ping. */
const JUST_TOLD = 5000;

export class Line {
  /** With its newest certificate. */
  passport: Passport;
  readonly feed = new Feed();
  readonly #socket: WebSocket;
  #tokens = BURST;
  #filled: number;
  #unanswered = 0;
  #unsent = 0;
  /** When a configuration was sent last, milliseconds. */
  #told = Number.NEGATIVE_INFINITY;
  /** Its hello has come. */
  greeted = false;
  /** When it last asked for a certificate, milliseconds. */
  renewed = Number.NEGATIVE_INFINITY;

  constructor(passport: Passport, socket: WebSocket, now: number) {
    this.passport = passport;
    this.#socket = socket;
    this.#filled = now;
  }

  send(frame: FromConsole): void {
    this.sendText(JSON.stringify(frame));
  }

  /** A frame that it answers. */
  tell(text: string, now: number): void {
    this.#told = now;
    this.sendText(text);
  }

  /** Of a frame. */
  sendText(text: string): void {
    this.#unsent++;
    this.#socket.send(text, this.#sent);
  }

  readonly #sent = () => {
    this.#unsent--;
  };

  /** It does not read what it is sent. */
  get clogged(): boolean {
    return this.#unsent >= UNSENT;
  }

  /** One more frame came. False: too many. */
  mayTalk(now: number): boolean {
    // A clock that was set back takes nothing away.
    const passed = Math.max(0, now - this.#filled);
    this.#tokens = Math.min(BURST, this.#tokens + (passed / 1000) * PER_SECOND);
    this.#filled = now;
    this.#tokens -= 1;
    return this.#tokens >= 0;
  }

  /** Anything was heard, pongs too. */
  alive(): void {
    this.#unanswered = 0;
  }

  /** False: it has not answered for too long. In the middle of a change that concerns ten thousand a ping costs as much as a configuration. */
  ping(now: number): boolean {
    if (this.#unanswered >= MISSED) return false;
    this.#unanswered++;
    if (Math.abs(now - this.#told) >= JUST_TOLD) this.#socket.ping();
    return true;
  }

  /** Says why, and does not wait for the other side to agree. */
  end(code: number, reason: string): void {
    this.#socket.close(code, reason.slice(0, 120));
    setTimeout(() => this.#socket.terminate(), 1000).unref();
  }

  /** At once, without a word: nobody listens. */
  cut(): void {
    this.#socket.terminate();
  }
}
