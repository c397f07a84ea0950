/** References as operators write them: by id or by name. */
import { ConsoleError } from "../error.ts";
import { REFERENCES } from "../model/references.ts";
import type { Kind } from "../model/resources.ts";
import { WORDS } from "../model/word.ts";

/** `written` with ids where it had names. @param find id or name → id. @throws ConsoleError 422: there is no such resource */
export function withIds<T extends object>(
  kind: Kind,
  written: T,
  find: (kind: Kind, idOrName: string) => string | undefined,
): T {
  const resolved = { ...written } as Record<string, unknown>;
  for (const [key, target] of Object.entries(REFERENCES[kind])) {
    const text = resolved[key];
    if (typeof text !== "string") continue;
    const id = find(target, text);
    if (id === undefined) {
      throw new ConsoleError(
        422,
        "unknown-reference",
        `there is no ${WORDS[target].one} "${text}"`,
        `Name one that exists (GET /v1/${WORDS[target].many}), or create it first`,
        { path: key },
      );
    }
    resolved[key] = id;
  }
  return resolved as T;
}
