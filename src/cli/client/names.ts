/** Ids → names, for people. What a table refers to is asked for once. */
import { REFERRED } from "../../console/model/references.ts";
import type { Kind } from "../../console/model/resources.ts";
import type { Client } from "./client.ts";
import { ClientError } from "./error.ts";
import type { Item } from "./item.ts";
import { pathOf } from "./kinds.ts";

/** More than so many of a kind are fetched as a list. */
const ONE_BY_ONE = 8;

export type Names = (id: unknown) => string;

/** Names of all that these items refer to with these keys. An id whose name cannot be had stands for itself. */
export async function namesFor(client: Client, items: readonly Item[], keys: readonly string[]): Promise<Names> {
  const names = new Map<string, string>();
  const wanted = new Map<Kind, Set<string>>();
  for (const key of keys) {
    const kind = REFERRED[key];
    if (!kind) continue;
    for (const item of items) {
      const id = item[key];
      if (typeof id !== "string") continue;
      const ids = wanted.get(kind) ?? new Set<string>();
      wanted.set(kind, ids.add(id));
    }
  }
  await Promise.all(
    [...wanted].map(async ([kind, ids]) => {
      const found =
        ids.size > ONE_BY_ONE
          ? await client.list<Item>(pathOf(kind))
          : await Promise.all([...ids].map((id) => client.get<Item>(pathOf(kind, id)).then(({ body }) => body, gone)));
      for (const item of found) if (item) names.set(item.id, item.name);
    }),
  );
  return (id) => (id === null || id === undefined ? "–" : (names.get(String(id)) ?? String(id)));
}

/** Deleted in between. */
function gone(error: unknown): undefined {
  if (error instanceof ClientError && error.status === 404) return undefined;
  throw error;
}
