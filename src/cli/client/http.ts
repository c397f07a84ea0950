/** Requests to a console: JSON over HTTPS with its CA pinned, time-outs, and patience where the console asks for it. */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { type RequestOptions, request as requestHttps } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { ClientError, type Violation } from "./error.ts";
import { asCommand } from "./kinds.ts";

export interface Place {
  /** https://host:port */
  readonly url: string;
  /** PEM; null: what the system trusts. */
  readonly ca: string | null;
}

export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With /v1 in front. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** May be sent again when it is not known whether it arrived: reads, and what carries an Idempotency-Key. */
  readonly repeatable?: boolean;
  /** Milliseconds without a word from the console. Default 30 s. */
  readonly patience?: number;
}

export interface Reply<T> {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: T;
}

const PATIENCE = 30_000;
/** Largest reply, bytes. */
const LARGEST = 256 * 1024 * 1024;
/** Times that a request is sent when the console says "later", or its answer is lost. */
const TRIES = 4;
/** A console that went away in the middle is waited for as long, milliseconds: it may be starting again. */
const RETURN = 20_000;
const LONGEST_PAUSE = 2000;
/** Longest Retry-After that is waited for, seconds. */
const LONGEST_WAIT = 30;

/** Hosts to which plain HTTP is spoken: it does not leave the machine. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** @throws ClientError usage */
export function consoleUrl(text: string): string {
  const url = URL.canParse(text.includes("://") ? text : `https://${text}`)
    ? new URL(text.includes("://") ? text : `https://${text}`)
    : undefined;
  const problem = (message: string) =>
    new ClientError("usage", "url", message, "Write it as https://console.example:8443");
  if (!url || !["https:", "http:"].includes(url.protocol)) throw problem(`"${text}" is not the URL of a console`);
  if (url.username || url.password || url.search || url.hash || url.pathname !== "/")
    throw problem(`"${text}" says more than where the console is`);
  if (url.protocol === "http:" && !LOOPBACK.test(url.hostname))
    throw problem("a console on another machine is spoken to over HTTPS only");
  return url.origin;
}

/** One request; again when the console says "later", or when the answer was lost and it may be repeated. @throws ClientError */
export async function send<T>(place: Place, call: Call): Promise<Reply<T>> {
  /** When an answer was lost first: what was asked for may have been done. */
  let lostAt: number | undefined;
  for (let tries = 1; ; tries++) {
    try {
      const reply = await once(place, call);
      const wait = Number(reply.headers["retry-after"]);
      const later = (reply.status === 429 || reply.status === 503) && wait > 0 && wait <= LONGEST_WAIT;
      if (later && tries < TRIES) await sleep(wait * 1000);
      else return answered<T>(reply, place);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const lost = error.code === "answer-lost";
      const gone = error.code === "unreachable" && lostAt !== undefined;
      if (lost) lostAt ??= performance.now();
      const again = (lost && tries < TRIES) || (gone && performance.now() - (lostAt ?? 0) < RETURN);
      if (!call.repeatable || !again) throw (lost || gone) && call.method !== "GET" ? inDoubt(error) : error;
      await sleep(Math.min(250 * 2 ** tries, LONGEST_PAUSE));
    }
  }
}

/** It was sent, and nobody knows what became of it. */
function inDoubt({ reason, code, message, cause }: ClientError): ClientError {
  const next = "It may have been done all the same: look when the console answers, then run it again";
  return new ClientError(reason, code, message, next, { cause });
}

/** The stream of a reply, for as long as it lasts. @throws ClientError */
export function open(place: Place, call: Call, signal?: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const url = new URL(call.path, place.url);
    for (const [key, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, value);
    const text = call.body === undefined ? undefined : JSON.stringify(call.body);
    const options: RequestOptions = {
      method: call.method,
      signal,
      timeout: call.patience ?? PATIENCE,
      headers: {
        accept: "application/json",
        ...(text === undefined
          ? {}
          : {
              "content-type": call.method === "PATCH" ? "application/merge-patch+json" : "application/json",
              "content-length": Buffer.byteLength(text),
            }),
        ...call.headers,
      },
      ...(url.protocol === "https:" && place.ca !== null ? { ca: place.ca } : {}),
      ...(url.protocol === "https:" ? { minVersion: "TLSv1.2" as const } : {}),
      agent: false,
    };
    const request = (url.protocol === "https:" ? requestHttps : requestHttp)(url, options, resolve);
    request.on("timeout", () => request.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })));
    request.on("error", (error) => reject(unreachable(error, place)));
    request.end(text);
  });
}

interface Raw {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

async function once(place: Place, call: Call): Promise<Raw> {
  const response = await open(place, call);
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response) {
      parts.push(part as Buffer);
      size += (part as Buffer).length;
      if (size > LARGEST)
        throw new ClientError("no-answer", "too-large", "the console's answer is too large", "Ask for less");
    }
  } catch (error) {
    throw error instanceof ClientError ? error : unreachable(error as Error, place);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString("utf8") };
}

function answered<T>({ status, headers, text }: Raw, { url }: Place): Reply<T> {
  const json = /\bjson\b/.test(headers["content-type"] ?? "");
  let body: unknown = json ? undefined : text;
  try {
    if (json && text !== "") body = JSON.parse(text);
  } catch {
    throw new ClientError(
      "no-answer",
      "no-console",
      `${url} gives an answer that is not JSON`,
      "Is it a vcpe console?",
    );
  }
  if (status >= 200 && status < 300) return { status, headers, body: body as T };
  const refusal = body as
    | { code?: string; message?: string; next?: string; path?: string; violations?: readonly Violation[] }
    | undefined;
  if (typeof refusal?.code !== "string" || typeof refusal.message !== "string") {
    throw new ClientError(
      "no-answer",
      "no-console",
      `${url} answers ${status}, but not as a console does`,
      "Check the URL",
    );
  }
  const { code, message, next = "", path, violations } = refusal;
  // Of a path like /v1/ccns/corp the id is no key that anybody wrote.
  const written = (key: string | undefined) => (key === "id" ? undefined : key);
  throw new ClientError(status === 401 ? "not-logged-in" : "refused", code, message, asCommand(next), {
    status,
    path: written(path),
    violations: violations?.map((one) => ({ ...one, path: written(one.path), next: asCommand(one.next) })),
    body,
  });
}

const WRONG_CERTIFICATE = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
]);

function unreachable(error: Error & { code?: string }, { url }: Place): ClientError {
  const { code = "" } = error;
  const refuse = (word: string, message: string, next: string) =>
    new ClientError("no-answer", word, message, next, { cause: error });
  if (WRONG_CERTIFICATE.has(code))
    return refuse(
      "certificate",
      `${url} shows a certificate of another authority than the one that was trusted`,
      `Ask whoever runs the console: if it was given another certificate or set up anew, log in again (vcpe login --console ${url}; with --ca-file FILE for a CA of your own), and compare the fingerprint if you are asked; else somebody stands between`,
    );
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return refuse(
      "certificate-name",
      `the console's certificate is for other names than ${new URL(url).hostname}`,
      `Use one of its names, or start it with --name ${new URL(url).hostname}`,
    );
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return refuse(
      "certificate-time",
      "the console's certificate is not valid today",
      "Check the clocks of both machines",
    );
  if (["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"].includes(code))
    return refuse("unreachable", `no console answers at ${url} (${code})`, "Check the URL, and that the console runs");
  if (error.name === "AbortError") return refuse("aborted", "the request was given up", "");
  return refuse("answer-lost", `${url} does not answer (${code || error.message})`, "Try again");
}
