/** How a console that was never met is known: its certificate by the system's roots, or by the fingerprint of its CA. */
import { timingSafeEqual, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { ClientError, usage } from "./error.ts";
import { type Place, send } from "./http.ts";
import { confirm, hasPerson } from "./prompt.ts";
import { note, type Terminal } from "./terminal.ts";

export interface TrustFlags {
  /** SHA-256 of the CA's certificate, hexadecimal, colons or not. */
  readonly ca?: string;
  /** PEM of the CA that issued the console's certificate. */
  readonly caFile?: string;
  readonly yes?: boolean;
}

/** Largest CA certificate, bytes. */
const LARGEST = 64 * 1024;

/** @throws ClientError: it is not to be trusted; nothing secret was sent. */
export async function trust(terminal: Terminal, url: string, { ca, caFile, yes }: TrustFlags): Promise<Place> {
  if (ca !== undefined && digest(ca).length !== 32)
    throw usage("--ca wants a SHA-256 fingerprint, 64 hexadecimal digits", "vcpe console prints it at its start");
  if (url.startsWith("http:")) return { url, ca: null };
  if (caFile !== undefined) return { url, ca: readPem(caFile) };
  if (ca === undefined && (await knownToSystem(url))) return { url, ca: null };

  // Whoever answers, answers: what is fetched here is trusted for its fingerprint only.
  const pem = await fetchUnverified(`${url}/v1/ca`);
  const fingerprint = fingerprintOf(pem, url);
  if (ca !== undefined) {
    if (!sameFingerprint(ca, fingerprint)) {
      throw new ClientError(
        "no-answer",
        "ca-mismatch",
        `the console at ${url} has the CA ${fingerprint}, not the one that was given`,
        "Compare it with what vcpe console printed at its start; if they differ, somebody stands between",
      );
    }
  } else if (yes) note(terminal, `trusted without a question: ${url}, CA ${fingerprint}`);
  else await ask(terminal, url, fingerprint);
  const place = { url, ca: pem };
  await send(place, { method: "GET", path: "/v1/health", repeatable: true });
  return place;
}

async function ask(terminal: Terminal, url: string, fingerprint: string): Promise<void> {
  if (!hasPerson(terminal)) {
    throw new ClientError(
      "failed",
      "ca-unknown",
      `the CA of ${url} is not known, and there is nobody to ask`,
      `If its fingerprint is ${fingerprint}: --ca ${fingerprint}`,
    );
  }
  note(terminal, `The console at ${url} is not known yet. The fingerprint of its CA is`, `  ${fingerprint}`);
  note(terminal, "vcpe console prints it at its start.");
  if (await confirm(terminal, "Is it the same?")) return;
  throw new ClientError("failed", "ca-refused", "the console was not trusted", "Nothing was sent to it");
}

async function knownToSystem(url: string): Promise<boolean> {
  try {
    await send({ url, ca: null }, { method: "GET", path: "/v1/health", repeatable: true });
    return true;
  } catch (error) {
    if (error instanceof ClientError && error.code === "certificate") return false;
    throw error;
  }
}

function fetchUnverified(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (message: string) =>
      reject(new ClientError("no-answer", "no-console", message, "Is it the URL of a vcpe console?"));
    const call = request(url, { rejectUnauthorized: false, timeout: 10_000, agent: false }, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on("data", (part: Buffer) => {
        size += part.length;
        if (size > LARGEST) call.destroy(new Error("too large"));
        else parts.push(part);
      });
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(Buffer.concat(parts).toString("latin1"))
          : fail(`${url} answers ${response.statusCode}`),
      );
      response.on("error", (error) => fail(`${url} cannot be read: ${error.message}`));
    });
    call.on("timeout", () => call.destroy(new Error("no answer within 10 s")));
    call.on("error", (error) => fail(`${url} cannot be read: ${error.message}`));
    call.end();
  });
}

/** Upper-case hexadecimal with colons. */
function fingerprintOf(pem: string, url: string): string {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    throw new ClientError("no-answer", "no-console", `${url}/v1/ca gives no certificate`, "Is it a vcpe console?");
  }
}

function sameFingerprint(a: string, b: string): boolean {
  const [one, other] = [digest(a), digest(b)];
  return one.length === 32 && one.length === other.length && timingSafeEqual(one, other);
}

function digest(text: string): Buffer {
  return Buffer.from(text.replace(/^sha256:/i, "").replaceAll(":", ""), "hex");
}

function readPem(file: string): string {
  try {
    const pem = readFileSync(file, "utf8");
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ClientError(
      "failed",
      "ca-file",
      `${file} holds no certificate in PEM (${code ?? "no PEM"})`,
      "Check the file",
    );
  }
}
