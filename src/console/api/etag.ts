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

/** @throws ConsoleError 428: there is no If-Match and `required`; 412: it names another version */
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
  const tags = header.split(",").map((tag) => tag.trim());
  if (tags.includes("*")) return;
  const versions = tags.map((tag) => /^"(\d{1,15})(?:-[0-9a-f]{12})?"$/.exec(tag)?.[1]);
  if (versions.includes(undefined))
    throw malformed("If-Match is not a list of entity tags", `Send one as it was read: "${resource.version}"`);
  if (versions.some((version) => Number(version) === resource.version)) return;
  throw new ConsoleError(
    412,
    "stale",
    `${resource.name} was changed in the meantime: it has version ${resource.version}, not ${versions.join(" or ")}`,
    "Read it again, and decide on what is there now",
  );
}
