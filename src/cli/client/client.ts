/** A console as someone who is logged in sees it. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { loggedIn } from "./credentials.ts";
import { ClientError } from "./error.ts";
import { type Call, open, type Place, type Reply, send } from "./http.ts";
import { type Terminal, waiting } from "./terminal.ts";

export type Query = Readonly<Record<string, string | undefined>>;

/** Items that are asked for at once. */
const PAGE = 500;

export class Client {
  readonly place: Place;
  readonly #terminal: Terminal;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(terminal: Terminal, place: Place, headers: Readonly<Record<string, string>>) {
    this.#terminal = terminal;
    this.place = place;
    this.#headers = headers;
  }

  async get<T>(path: string, query?: Query): Promise<Reply<T>> {
    return this.#send({ method: "GET", path, query, repeatable: true });
  }

  /** Carries a key that lets the console know a repetition, so that a lost answer is asked for again. */
  async post<T>(path: string, body?: unknown, query?: Query): Promise<Reply<T>> {
    const headers = { "idempotency-key": randomUUID() };
    return this.#send({ method: "POST", path, query, headers, body, repeatable: true, patience: 120_000 });
  }

  /** Once, whatever becomes of the answer. */
  async postOnce<T>(path: string, body: unknown): Promise<Reply<T>> {
    return this.#send({ method: "POST", path, body });
  }

  async patch<T>(path: string, etag: string, body: unknown, query?: Query): Promise<Reply<T>> {
    return this.#send({ method: "PATCH", path, query, headers: { "if-match": etag }, body });
  }

  async delete<T>(path: string, etag?: string, query?: Query): Promise<Reply<T>> {
    return this.#send({ method: "DELETE", path, query, headers: etag === undefined ? {} : { "if-match": etag } });
  }

  /** All items of a list, page by page. */
  async list<T>(path: string, query: Query = {}): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await this.get<{ items: T[]; next?: string | null }>(path, {
        ...query,
        limit: String(PAGE),
        cursor,
      });
      items.push(...body.items);
      cursor = body.next ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  /** A reply that does not end by itself. @throws ClientError also when it is not 200 */
  async stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const call: Call = {
      method: "GET",
      path,
      headers: { ...this.#headers, accept: "text/event-stream" },
      // The console sends a comment now and then; silence means that it is gone.
      patience: 60_000,
    };
    const response = await open(this.place, call, signal);
    if (response.statusCode === 200) return response;
    response.resume();
    // Asked for as a plain request it says why.
    await this.get(path);
    throw new ClientError(
      "no-answer",
      "no-stream",
      `the console answers ${response.statusCode} to ${path}`,
      "Try again",
    );
  }

  #send<T>(call: Call): Promise<Reply<T>> {
    return waiting(this.#terminal, "waiting for the console", () =>
      send<T>(this.place, { ...call, headers: { ...this.#headers, ...call.headers } }),
    );
  }
}

/** With the credentials of the last `vcpe login`. @throws ClientError not-logged-in */
export function openClient(terminal: Terminal): Client {
  const kept = loggedIn(terminal);
  return new Client(terminal, kept, { authorization: `Bearer ${kept.token}` });
}
