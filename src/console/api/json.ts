/** Reads a JSON body: nothing that would poison an object, nothing nested beyond what a resource can be. */
import type { FastifyInstance } from "fastify";
import { ConsoleError } from "../error.ts";

/** Braces and brackets within each other. A resource in an `apply` has four. */
const DEEPEST = 16;

/** Octets. */
export const BODY_LIMIT = 1 << 20;
export const APPLY_LIMIT = 16 << 20;

export function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser(
    ["application/json", "application/merge-patch+json"],
    { parseAs: "string" },
    (request, body, done) => {
      const text = body as string;
      if (text.trim() === "") return done(null, undefined);
      if (tooDeep(text)) return done(malformed("the body is nested too deeply", "Send the resource as documented"));
      parse(request, text, (error, value) =>
        error ? done(malformed("the body is not JSON that can be read", "Correct its syntax")) : done(null, value),
      );
    },
  );
}

export function malformed(message: string, next: string, path?: string): ConsoleError {
  return new ConsoleError(400, "malformed", message, next, path === undefined ? {} : { path });
}

function tooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inText) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inText = false;
    } else if (c === 0x22) inText = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > DEEPEST) return true;
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return false;
}
