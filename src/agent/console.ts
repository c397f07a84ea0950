/** Short requests to a console over HTTPS, and whom we speak to there. */
import type { X509Certificate } from "node:crypto";
import { request } from "node:https";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { AgentError } from "./error.ts";

/** Milliseconds without an answer. */
const PATIENCE = 15_000;
/** Milliseconds for a request as a whole: nobody can hold one up byte by byte. */
const DEADLINE = 60_000;
/** Bytes of an answer. */
const LARGEST = 256 * 1024;

export interface Console {
  /** https://HOST[:PORT] */
  readonly url: URL;
  /** What is demanded of its certificate. */
  readonly tls: ConnectionOptions;
}

/** @throws AgentError console-url */
export function consoleUrl(text: string): URL {
  const refuse = (why: string) => new AgentError("console-url", `"${text}" ${why}`, "Write it as https://HOST[:PORT]");
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (!url) throw refuse("is no URL");
  if (url.protocol !== "https:") throw refuse("does not begin with https://");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "" || url.pathname !== "/") {
    throw refuse("has more than a host and a port");
  }
  return url;
}

/**
 * The certificate with this SHA-256 fingerprint among those that the console shows; PEM.
 *
 * @throws AgentError fingerprint, console-certificate, console-unreachable
 */
export async function pinned(url: URL, fingerprint: string): Promise<string> {
  const wanted = fingerprint.replaceAll(/[:\s]/g, "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(wanted)) {
    throw new AgentError(
      "fingerprint",
      "--ca wants a SHA-256 fingerprint, 64 hexadecimal digits",
      "The console prints it when it starts",
    );
  }
  const socket = await handshake(url, { rejectUnauthorized: false });
  try {
    for (let one: X509Certificate | undefined = socket.getPeerX509Certificate(); one; one = one.issuerCertificate) {
      if (one.fingerprint256.replaceAll(":", "").toLowerCase() === wanted) return one.toString();
      if (one.issuerCertificate === one) break;
    }
  } finally {
    socket.destroy();
  }
  throw new AgentError(
    "console-certificate",
    `no certificate that ${url.host} shows has the fingerprint that --ca gives`,
    "Compare it with what the console prints; if it is right, somebody stands between you and the console",
  );
}

/** Does the console's certificate stand the demands? @throws AgentError console-certificate, console-unreachable */
export async function demandTrust({ url, tls }: Console): Promise<void> {
  (await handshake(url, tls)).destroy();
}

/**
 * POSTs JSON. Status and JSON of the reply. @throws AgentError console-unreachable, console-certificate
 *
 * @param largest bytes of the reply
 */
export function post(
  { url, tls }: Console,
  path: string,
  body: object,
  largest = LARGEST,
): Promise<{ status: number; reply: unknown }> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const call = request(
      new URL(path, url),
      { ...tls, method: "POST", headers, agent: false, timeout: PATIENCE },
      (got) => {
        const parts: Buffer[] = [];
        let length = 0;
        got.on("data", (part: Buffer) => {
          length += part.length;
          if (length > largest) call.destroy(strange(url));
          else parts.push(part);
        });
        got.on("error", (error) => reject(trouble(url, error)));
        got.on("end", () => {
          try {
            resolve({ status: got.statusCode ?? 0, reply: JSON.parse(Buffer.concat(parts).toString("utf8")) });
          } catch {
            reject(strange(url));
          }
        });
      },
    );
    const deadline = setTimeout(() => call.destroy(silent(url)), DEADLINE);
    call.on("close", () => clearTimeout(deadline));
    call.on("timeout", () => call.destroy(silent(url)));
    call.on("error", (error) => reject(trouble(url, error)));
    call.end(text);
  });
}

function handshake(url: URL, tls: ConnectionOptions): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port: Number(url.port || 443), ...name, ...tls, timeout: PATIENCE });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("timeout", () => socket.destroy(silent(url)));
    socket.once("error", (error) => reject(trouble(url, error)));
  });
}

const silent = (url: URL) =>
  new AgentError("console-unreachable", `${url.host} does not answer`, "Check the URL, and the way there");

/** What answers is no console. */
export const strange = (url: URL) =>
  new AgentError("console-unreachable", `what answers at ${url.host} is no console`, "Check the URL");

/** Is a code of a TLS connection one of a certificate that is not trusted? Another name in it is none: no root would change that. */
export function isMistrust(code: string | undefined): boolean {
  return code !== undefined && !code.startsWith("ERR_") && /CERT|SIGNATURE|SELF_SIGNED|ISSUER/.test(code);
}

function trouble(url: URL, error: Error & { code?: string }): AgentError {
  if (error instanceof AgentError) return error;
  const { code = "", message } = error;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return new AgentError(
      "console-certificate",
      `the console's certificate does not name ${url.hostname}: ${message.replace(/\.$/, "")}`,
      "Use one of its names in --console, or have this name added where the console is started",
    );
  }
  if (isMistrust(code)) {
    const clock = code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED" ? "Check the clock of this host" : "";
    return new AgentError(
      "console-certificate",
      `the certificate of ${url.host} is not trusted (${code})`,
      clock || "Give the fingerprint that the console prints when it starts: --ca FINGERPRINT",
    );
  }
  return new AgentError(
    "console-unreachable",
    `${url.host} cannot be reached (${code || message})`,
    code === "ENOTFOUND"
      ? "Check the name, and DNS of this host"
      : "Check the URL, whether the console runs, and firewalls",
  );
}
