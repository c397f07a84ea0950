/** The kinds of resources, in the words that people type. */
import { KINDS } from "../../console/model/references.ts";
import type { Kind } from "../../console/model/resources.ts";
import { WORDS } from "../../console/model/word.ts";
import { nearest } from "../../router/config/nearest.ts";
import { usage } from "./error.ts";

/** "rule" → "rules": the word in paths of the API and in files. */
export function pluralOf(kind: Kind): string {
  return WORDS[kind].many;
}

const BY_WORD = new Map(KINDS.flatMap((kind) => [kind, pluralOf(kind)].map((word) => [plain(word), kind] as const)));

/** Singular or plural, with or without hyphens. @throws ClientError usage */
export function kindOf(word: string): Kind {
  const kind = BY_WORD.get(plain(word));
  if (kind) return kind;
  const meant = nearest(word, [...KINDS, ...KINDS.map(pluralOf)]);
  throw usage(`"${word}" is no kind of resource`, meant ? `Did you mean "${meant}"?` : `Kinds: ${KINDS.join(", ")}`);
}

/** Path of a kind in the API, or of one resource by id or name. */
export function pathOf(kind: Kind, name?: string, action?: string): string {
  return `/v1/${[pluralOf(kind), ...(name === undefined ? [] : [encodeURIComponent(name)]), ...(action ? [action] : [])].join("/")}`;
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, "");
}

/** What the console advises to those who speak HTTP, as a command: "GET /v1/areas" → "vcpe get areas". */
export function asCommand(next: string): string {
  return next.replace(/\bGET \/v1\/([a-z-]+)/g, (request, many: string) => {
    if (many === "users" || many === "tokens") return `vcpe ${many}`;
    return KINDS.some((kind) => pluralOf(kind) === many) ? `vcpe get ${many}` : request;
  });
}
