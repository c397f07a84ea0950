/**
 * Lists: filtered, in the order of names, page by page. A cursor is the name that the page before ended with, so that resources that come
 * and go meanwhile neither repeat nor hide others.
 */
import Type, { type TObject, type TSchema } from "typebox";
import { ConsoleError } from "../error.ts";
import { REFERENCES } from "../model/references.ts";
import type { Kind, Resource } from "../model/resources.ts";
import { INSTANCE_STATES } from "../model/status.ts";
import { WORDS } from "../model/word.ts";
import { malformed } from "./json.ts";
import { shown, statusOfInstance } from "./observe.ts";
import type { ConsoleParts } from "./parts.ts";

export interface ListQuery extends Readonly<Record<string, unknown>> {
  readonly name?: string;
  readonly q?: string;
  readonly status?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export function listQuery(kind: Kind): TObject {
  const references = Object.entries(REFERENCES[kind]).map(([key, target]): [string, TSchema] => [
    key,
    Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: `${WORDS[target].one}: id or name.` })),
  ]);
  return Type.Object(
    {
      name: Type.Optional(Type.String({ maxLength: 128 })),
      q: Type.Optional(Type.String({ maxLength: 256, description: "Part of the name or description, in any case." })),
      ...Object.fromEntries(references),
      ...(kind === "instance" && { status: Type.Optional(Type.Enum([...INSTANCE_STATES])) }),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: "Default 100." })),
      cursor: Type.Optional(Type.String({ maxLength: 256, description: "`next` of the page before." })),
    },
    { additionalProperties: false },
  );
}

export function list(parts: ConsoleParts, kind: Kind, query: ListQuery): { items: object[]; next: string | null } {
  const { limit = 100 } = query;
  const fits = filter(parts, kind, query);
  const sorted = inOrder(parts.desk.intent[kind] as ReadonlyMap<string, Resource>);
  const items: Resource[] = [];
  for (let i = query.cursor === undefined ? 0 : behind(sorted, nameIn(query.cursor)); i < sorted.length; i++) {
    if (!fits(sorted[i])) continue;
    if (items.length === limit) return { items: items.map(show), next: cursorAt(items[limit - 1]) };
    items.push(sorted[i]);
  }
  return { items: items.map(show), next: null };

  function show(resource: Resource): object {
    return shown(parts, resource);
  }
}

function filter({ desk, fleet }: ConsoleParts, kind: Kind, query: ListQuery): (resource: Resource) => boolean {
  const tests: ((resource: Resource) => boolean)[] = [];
  const { name, status } = query;
  if (name !== undefined) tests.push((resource) => resource.name === name);
  if (query.q !== undefined) {
    const part = query.q.toLowerCase();
    tests.push((resource) => {
      const { description = "" } = resource as { readonly description?: string };
      return resource.name.toLowerCase().includes(part) || description.toLowerCase().includes(part);
    });
  }
  for (const [key, target] of Object.entries(REFERENCES[kind])) {
    const text = query[key];
    if (typeof text !== "string") continue;
    const id = desk.find(target, text)?.id;
    if (id === undefined) {
      throw new ConsoleError(
        422,
        "unknown-reference",
        `there is no ${WORDS[target].one} "${text}"`,
        `GET /v1/${WORDS[target].many} lists those that exist`,
        { path: key },
      );
    }
    tests.push((resource) => (resource as unknown as Readonly<Record<string, unknown>>)[key] === id);
  }
  if (status !== undefined) tests.push(({ id }) => statusOfInstance({ desk, fleet }, id).status === status);
  return (resource) => tests.every((test) => test(resource));
}

/** Sorted once for each state of a kind. */
const ORDERS = new WeakMap<ReadonlyMap<string, Resource>, readonly Resource[]>();

function inOrder(resources: ReadonlyMap<string, Resource>): readonly Resource[] {
  let order = ORDERS.get(resources);
  if (!order) {
    order = [...resources.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    ORDERS.set(resources, order);
  }
  return order;
}

/** Index of the first whose name is greater. */
function behind(sorted: readonly Resource[], name: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle].name <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function cursorAt({ name }: Resource): string {
  return Buffer.from(name).toString("base64url");
}

function nameIn(cursor: string): string {
  const name = Buffer.from(cursor, "base64url");
  if (name.length === 0 || name.toString("base64url") !== cursor)
    throw malformed(
      "this is no cursor",
      "Send `next` of the page before, or leave it out for the first page",
      "cursor",
    );
  return name.toString();
}
