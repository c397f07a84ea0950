/** Talks to a running router over its status socket. No dependency, so that `vcpe status` starts at once. */
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { RUN_FOLDER, socketOf } from "../places.ts";
import type { Refusal } from "./schema.ts";

export class StatusError extends Error {
  override readonly name = "StatusError";
  /** "not-running", "no-answer", "not-permitted", "which-one", or the router's own word for its refusal. */
  readonly code: string;
  readonly problems: readonly string[];

  constructor(code: string, message: string, problems: readonly string[] = []) {
    super(message);
    this.code = code;
    this.problems = problems;
  }
}

/** Milliseconds without an answer after which a router counts as stuck. A reload may take its time. */
const PATIENCE = 30_000;

/** One request; the JSON of the reply. @throws StatusError */
export function ask<T>(
  name: string,
  method: "GET" | "POST",
  path: string,
  body?: object,
  root = RUN_FOLDER,
): Promise<T> {
  const socketPath = socketOf(name, root);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers =
    text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers, timeout: PATIENCE }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", (error) => reject(unreachable(name, error)));
      response.on("end", () => {
        let reply: T | Refusal;
        try {
          reply = JSON.parse(Buffer.concat(parts).toString("utf8")) as T | Refusal;
        } catch {
          reject(new StatusError("no-answer", `Router "${name}" gives an answer that is not JSON.`));
          return;
        }
        if (response.statusCode === 200) resolve(reply as T);
        else {
          const { code, message, problems } = reply as Refusal;
          reject(new StatusError(code, message, problems));
        }
      });
    });
    call.on("timeout", () =>
      call.destroy(new StatusError("no-answer", `Router "${name}" does not answer within ${PATIENCE / 1000} s.`)),
    );
    call.on("error", (error) => reject(error instanceof StatusError ? error : unreachable(name, error)));
    call.end(text);
  });
}

/** Names of the routers that answer, in alphabetical order. */
export async function living(root = RUN_FOLDER): Promise<string[]> {
  let names: string[];
  try {
    names = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unreachable("", error as NodeJS.ErrnoException);
  }
  const answers = await Promise.all(
    names.map((name) =>
      ask(name, "GET", "/status", undefined, root).then(
        () => true,
        (error) => (error as StatusError).code === "not-permitted",
      ),
    ),
  );
  return names.filter((_, i) => answers[i]);
}

/** The router of this name; without one, the only one that lives. @throws StatusError which-one, not-running */
export async function chooseRouter(name: string | undefined, root = RUN_FOLDER): Promise<string> {
  if (name !== undefined) return name;
  const names = await living(root);
  if (names.length === 1) return names[0];
  if (names.length === 0) {
    throw new StatusError(
      "not-running",
      `No router runs on this host (none answers in ${root}). Start one: vcpe edge -c FILE.`,
    );
  }
  throw new StatusError("which-one", `Several routers run: ${names.join(", ")}. Say which one: --name NAME.`);
}

function unreachable(name: string, error: NodeJS.ErrnoException): StatusError {
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new StatusError("not-permitted", "Routers answer to their own user only. Run this as root.");
  }
  if (error.code === "ENOENT" || error.code === "ECONNREFUSED" || error.code === "ENOTDIR") {
    return new StatusError("not-running", `No router called "${name}" runs here. Those that do: vcpe status.`);
  }
  return new StatusError("no-answer", `Router "${name}" cannot be asked: ${error.message}.`);
}
