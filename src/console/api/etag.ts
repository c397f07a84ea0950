/**
 * Entity tags (RFC 9110 §8.8.3): "VERSION" of a resource, and "VERSION-DIGEST" where what is observed of it is shown too. Both name the
 * same version to If-Match: what is observed changes by itself and is no reason to refuse a write.
 */
import { hash } from "node:crypto";
import { ConsoleError } from "../error.ts";
import type { Resource } from "../model/resources.ts";
import { malformed } from "./json.ts";

export function etagOf(version: number, status?: object): string {
  return status ? `"${version}-${hash("sha256", JSON.stringify(status)).slice(0, 12)}"` : `"${version}"`;
}

/** Does If-None-Match name this tag? Weakly compared, as RFC 9110 §13.1.2 has it. */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}

/** A list of entity tags (RFC 9110 §8.8.3), of whomever. */
const TAGS = /^(?:\s*(?:W\/)?"[!#-~\x80-\xff]*"\s*(?:,|$))+$/;
/** One that `etagOf` makes; weakened perhaps. */
const OURS = /^(W\/)?"(\d{1,15})(?:-[0-9a-f]{12})?"$/;

/**
 * Tags are compared strongly (§13.1.1): a weak one, or one of somebody else's making, is no version of ours.
 *
 * @throws ConsoleError 428: there is no If-Match and `required`; 412: it names another version
 */
export function checkIfMatch(header: string | undefined, resource: Resource, required: boolean): void {
  if (header === undefined) {
    if (!required) return;
    throw new ConsoleError(
      428,
      "precondition-required",
      "the request has no If-Match",
      `Read the resource, and send the ETag that comes with it: If-Match: ${etagOf(resource.version)}`,
    );
  }
  if (header.split(",").some((tag) => tag.trim() === "*")) return;
  if (!TAGS.test(header))
    throw malformed("If-Match is not a list of entity tags", `Send one as it was read: "${resource.version}"`);
  const tags = header
    .match(/(?:W\/)?"[^"]*"/g)!
    .map((text) => ({ text, version: OURS.exec(text)?.[2], weak: /^W/.test(text) }));
  const named = tags.filter(({ version }) => Number(version) === resource.version);
  if (named.some(({ weak }) => !weak)) return;
  if (named.length > 0) {
    throw new ConsoleError(
      412,
      "weak-tag",
      `${named[0].text} is a weak entity tag, by which nothing is changed`,
      `A proxy on the way has weakened it; send it as the console gave it: ${named[0].text.slice(2)}`,
    );
  }
  throw new ConsoleError(
    412,
    "stale",
    `${resource.name} was changed in the meantime: it has version ${resource.version}, not ${tags.map(({ text, version }) => version ?? text).join(" or ")}`,
    "Read it again, and decide on what is there now",
  );
}
