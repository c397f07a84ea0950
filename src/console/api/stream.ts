/**
 * Server-sent events (HTML, section 9.2): committed changes, events, and states of devices, as they come.
 *
 *   event: change   {revision, changes: [{kind, id, name, version | null}], more: number, routers: [serial]}
 *   event: event    as GET /v1/events lists them
 *   event: status   {device, status}
 *   event: reset    the reader missed something, or too much: read the lists anew, then go on from here
 *
 * It ends when the session, the token or the user that it was opened with ends, or has another role.
 * A reader that does not keep up is cut off; it comes again with Last-Event-ID and gets what it missed, as far as that is still kept.
 */
import { isDeepStrictEqual } from "node:util";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { clientKey } from "../address.ts";
import type { Committed } from "../desk/desk.ts";
import { ConsoleError } from "../error.ts";
import { type Entry, Journal } from "./journal.ts";
import { summary } from "./observe.ts";
import { described } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";

export interface StreamLimits {
  /** Entries that a reader may have missed. */
  readonly kept: number;
  /** Octets that may wait for one reader. */
  readonly waiting: number;
  readonly readers: number;
  /** Of these, for one user, and from one address (of IPv6 a /64), so that nobody takes the places of all. */
  readonly readersOfUser: number;
  readonly readersAtAddress: number;
  /** Milliseconds between comments that keep the connection alive. */
  readonly heartbeat: number;
}

export const STREAM_LIMITS: StreamLimits = {
  kept: 4096,
  waiting: 1 << 20,
  readers: 500,
  readersOfUser: 20,
  readersAtAddress: 100,
  heartbeat: 15_000,
};

/** Of the changed resources of one entry so many are named; of more only the number. */
const NAMED = 500;

export function streamRoute(app: FastifyInstance, parts: ConsoleParts, limits: StreamLimits = STREAM_LIMITS): void {
  const bearable = limits.waiting / 2;
  const journal = new Journal(limits.kept, bearable);
  /** With whose they are, and where. */
  const readers = new Map<FastifyReply["raw"], { readonly user: string; readonly address: string }>();

  const tell = (type: Entry["type"], data: object) => {
    const text = written(journal.add(type, data));
    for (const reader of readers.keys()) push(reader, text);
  };
  parts.desk.onCommitted((committed) => tell("change", changeOf(committed)));
  parts.desk.onEvent((event) => tell("event", event));
  parts.fleet.onObserved((device, now, before) => {
    const [status, old] = [summary(now), before && summary(before)];
    // Each report brings a new time; it alone is no news.
    if (old && isDeepStrictEqual({ ...status, lastSeen: null }, { ...old, lastSeen: null })) return;
    tell("status", { device, status });
  });

  const heartbeat = setInterval(() => {
    for (const reader of readers.keys()) push(reader, ": still here\n\n");
  }, limits.heartbeat).unref();
  app.addHook("preClose", (done) => {
    clearInterval(heartbeat);
    for (const reader of readers.keys()) reader.destroy();
    done();
  });

  app.get(
    "/events/stream",
    {
      // A HEAD of what never ends would never end.
      exposeHeadRoute: false,
      ...described({
        id: "streamEvents",
        summary: "Streams changes, events and states of devices as server-sent events",
        tag: "events",
        role: "viewer",
        replies: {
          200: Type.String({
            description:
              "text/event-stream; events `change`, `event`, `status`, `reset`. Last-Event-ID goes on from there.",
          }),
        },
        refusals: [429, 503],
      }),
    },
    async (request, reply) => open(request, reply),
  );

  function open(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const whose = { user: request.author.user, address: clientKey(request.author.address) };
    demandPlace(whose);
    reply.hijack();
    const { raw } = reply;
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
    const unwatch = request.watch(() => raw.destroy());
    raw.on("close", () => {
      unwatch();
      readers.delete(raw);
    });
    raw.on("error", () => readers.delete(raw));
    readers.set(raw, whose);
    const last = request.headers["last-event-id"];
    const missed = typeof last === "string" ? journal.after(last)?.map(written).join("") : "";
    // More than may wait would have it cut off at once, and when it comes again, again.
    const some = missed !== undefined && Buffer.byteLength(missed) <= bearable;
    const begin = some ? missed : `id: ${journal.last}\nevent: reset\ndata: {}\n\n`;
    push(raw, `: vcpe console\nretry: 2000\n\n${begin}`);
    return reply;
  }

  /** @throws ConsoleError 429, 503 too-many-readers */
  function demandPlace({ user, address }: { readonly user: string; readonly address: string }): void {
    const others = [...readers.values()];
    const full = (status: 429 | 503, message: string, next: string) =>
      new ConsoleError(status, "too-many-readers", message, `${next}, or read GET /v1/events from time to time`);
    if (others.filter((one) => one.user === user).length >= limits.readersOfUser)
      throw full(429, `${user} reads the stream ${limits.readersOfUser} times already`, "End one of these");
    if (others.filter((one) => one.address === address).length >= limits.readersAtAddress)
      throw full(429, `${limits.readersAtAddress} read the stream from ${address} already`, "End one of these");
    if (readers.size >= limits.readers)
      throw full(503, `${limits.readers} others read the stream already`, "Try again later");
  }

  function push(reader: FastifyReply["raw"], text: string): void {
    reader.write(text);
    if (reader.writableLength > limits.waiting) reader.destroy();
  }
}

function written({ id, type, data }: Entry): string {
  return `id: ${id}\nevent: ${type}\ndata: ${data}\n\n`;
}

function changeOf({ revision, changes, deltas }: Committed): object {
  const named = changes.slice(0, NAMED).map(({ kind, id, before, after }) => {
    const { name } = (after ?? before)!;
    return { kind, id, name, version: after?.version ?? null };
  });
  return { revision, changes: named, more: changes.length - named.length, routers: [...deltas.keys()].slice(0, NAMED) };
}
