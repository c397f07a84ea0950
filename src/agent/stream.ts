/** The connection to the console: made again and again, with growing pauses, for as long as the agent lives. */
import Compile from "typebox/compile";
import { WebSocket } from "ws";
import { AGENT_PATH, CLOSE, type FromAgent, FromConsole, LARGEST_FROM_CONSOLE, SILENCE } from "../protocol/stream.ts";
import type { Log } from "../router/log.ts";
import { Backoff } from "./backoff.ts";
import { isMistrust } from "./console.ts";
import type { Identity } from "./identity.ts";

const FRAME = Compile(FromConsole);

/** Milliseconds: pauses between tries, at first and at most; how long a try may take. */
export const FIRST_PAUSE = 1000;
export const LONGEST_PAUSE = 60_000;
export const HANDSHAKE = 20_000;
/** A connection that lasted as long was a good one. */
const GOOD = 10_000;

export interface StreamParts {
  /** Read for each connection: it may have joined again meanwhile. @throws Error: there is none now. */
  readonly identity: () => Identity;
  /** The console's certificate is not trusted. Undefined: that has been mended; else why it cannot be, without a full stop. */
  readonly mistrusted: () => Promise<string | undefined>;
  /** Connected: time to say hello. */
  readonly opened: () => void;
  readonly frame: (frame: FromConsole) => void;
  readonly log: Pick<Log, "debug" | "info" | "warn">;
  /** 0 to 1; tests bring their own. */
  readonly random?: () => number;
  /** Source address; benches have many agents on one host. */
  readonly localAddress?: string;
}

export interface StreamState {
  readonly connected: boolean;
  /** Why not, without a full stop; null: it is, or was never tried. */
  readonly trouble: string | null;
  /** When the console was heard last, milliseconds since the Unix epoch; null: never. */
  readonly heard: number | null;
}

export class Stream {
  readonly #parts: StreamParts;
  readonly #pauses: Backoff;
  #socket: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  #openedAt = 0;
  #trouble: string | null = null;
  #heard: number | null = null;
  #ended = false;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#pauses = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, parts.random);
  }

  get state(): StreamState {
    return { connected: this.#socket?.readyState === WebSocket.OPEN, trouble: this.#trouble, heard: this.#heard };
  }

  start(): void {
    this.#connect();
  }

  /** Tries at once instead of after the pause: something has changed on this host. */
  hurry(): void {
    if (this.#socket !== undefined || this.#ended) return;
    clearTimeout(this.#timer);
    this.#pauses.reset();
    this.#connect();
  }

  /** False: there is no connection, and the frame is dropped. */
  send(frame: FromAgent): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Bytes that wait for a slow console. */
  get backlog(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  close(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket?.close(1000);
    const socket = this.#socket;
    setTimeout(() => socket?.terminate(), 500).unref();
  }

  #connect(): void {
    let socket: WebSocket;
    try {
      const { console, chain, key, server } = this.#parts.identity();
      socket = new WebSocket(`${console.replace(/^https:/, "wss:")}${AGENT_PATH}`, {
        cert: chain.join(""),
        key,
        ...(server === null ? {} : { ca: server }),
        handshakeTimeout: HANDSHAKE,
        maxPayload: LARGEST_FROM_CONSOLE,
        perMessageDeflate: false,
        followRedirects: false,
        ...(this.#parts.localAddress === undefined ? {} : { localAddress: this.#parts.localAddress }),
      });
    } catch (error) {
      this.#again((error as Error).message);
      return;
    }
    this.#socket = socket;
    let why: string | undefined;
    let mistrust: string | undefined;
    const heard = () => {
      this.#heard = Date.now();
      clearTimeout(this.#silence);
      this.#silence = setTimeout(() => {
        why = "the console fell silent";
        socket.terminate();
      }, SILENCE);
    };
    socket.on("open", () => {
      this.#openedAt = Date.now();
      this.#trouble = null;
      heard();
      this.#parts.log.info("connected to the console");
      this.#parts.opened();
    });
    socket.on("ping", heard);
    socket.on("message", (data, binary) => {
      heard();
      const frame = binary ? undefined : parsed(data.toString());
      if (frame) this.#parts.frame(frame);
      else socket.close(CLOSE.frame, "a frame that this version does not know");
    });
    socket.on("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.length < 16 && chunks.push(chunk));
      response.on("end", () => {
        why = refusal(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"));
        this.#pauses.exhaust();
        socket.terminate();
      });
    });
    socket.on("error", (error: Error & { code?: string }) => {
      why ??= error.message.replace(/\.$/, "");
      if (isMistrust(error.code)) mistrust ??= error.code;
    });
    socket.on("close", (code, reason) => {
      clearTimeout(this.#silence);
      if (this.#openedAt > 0 && Date.now() - this.#openedAt >= GOOD) this.#pauses.reset();
      this.#openedAt = 0;
      // Somebody else has taken our place, or we are not wanted: hurry is of no use.
      if (code === CLOSE.replaced || code === CLOSE.identity) this.#pauses.exhaust();
      const said = reason.toString();
      if (code === CLOSE.identity)
        why ??= `${said}: its key was reset, its host released, or the device deleted; join again (vcpe join), or forget it (vcpe leave)`;
      if (mistrust !== undefined) void this.#mistrusted(mistrust);
      else this.#again(why ?? (said === "" ? `the connection ended (${code})` : said));
    });
  }

  /** No other try begins meanwhile. @param code of the TLS connection */
  async #mistrusted(code: string): Promise<void> {
    const fault = await this.#parts.mistrusted().catch((error: Error) => error.message.replace(/\.$/, ""));
    if (fault === undefined) this.#pauses.reset();
    this.#again(
      fault === undefined
        ? "its certificate comes from other roots than before, and it has said so; once more with these"
        : `its certificate is not trusted (${code}): ${fault}`,
    );
  }

  #again(trouble: string): void {
    this.#socket = undefined;
    if (this.#ended) return;
    const pause = this.#pauses.next();
    if (trouble !== this.#trouble)
      this.#parts.log.warn({ seconds: Math.round(pause / 1000) }, `no console: ${trouble}`);
    this.#trouble = trouble;
    this.#timer = setTimeout(() => this.#connect(), pause);
  }
}

function parsed(text: string): FromConsole | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return FRAME.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refusal(status: number, text: string): string {
  try {
    const { message, next } = JSON.parse(text) as { message: string; next: string };
    if (typeof message === "string") return `the console refuses: ${message}. ${next}`.replace(/\.?\s*$/, "");
  } catch {
    // Not from a console.
  }
  return `the console answers with ${status}`;
}
