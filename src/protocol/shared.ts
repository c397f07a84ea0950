/**
 * The canonical text of parts and their hashes (parts.ts), quickly: parts of ten thousand routers are frozen, and share most of what they
 * hold. Routes are the same objects in all lists that they stand in, and what a tunnel says of its suites is one object for all.
 */
import { type Parts, rootHash, shortened, textHash } from "./parts.ts";

/** Hashes of all parts of a router, of frozen parts, and of frozen lists. */
const roots = new WeakMap<Parts, string>();
const parts = new WeakMap<object, string>();
const lists = new WeakMap<readonly unknown[], string>();
/** Texts of elements of arrays, by the element. */
const elements = new WeakMap<object, string>();
/** The value that stood under a key last, and its text. */
const latest = new Map<string, { readonly value: object; readonly text: string }>();
/** Keys as they are written. */
const names = new Map<string, string>();
/** Keys that are remembered: those of a configuration's types are fewer, names in records are not to fill the memory. */
const MOST_KEYS = 256;
/** Longer texts are not kept. */
const LONGEST = 1024;

/** rootHash. @param all which are never changed: a router whose parts change has another map of them, with those that stayed in it */
export function sharedRoot(all: Parts): string {
  const known = roots.get(all);
  if (known !== undefined) return known;
  const hashes = new Map<string, string>();
  for (const [key, part] of all) hashes.set(key, sharedHash(part));
  const root = rootHash(hashes);
  roots.set(all, root);
  return root;
}

/** The same as `partHash(part)`. @param part frozen, with all that it holds */
export function sharedHash(part: unknown): string {
  if (typeof part !== "object" || part === null) return textHash(sharedText(part));
  const known = parts.get(part);
  if (known !== undefined) return known;
  const digest = textHash(sharedText(shortened(part, listHash)));
  if (Object.isFrozen(part)) parts.set(part, digest);
  return digest;
}

/** SHA-256 of a list's canonical text, hexadecimal. */
function listHash(list: readonly unknown[]): string {
  const known = lists.get(list);
  if (known !== undefined) return known;
  const digest = textHash(sharedText(list));
  if (Object.isFrozen(list)) lists.set(list, digest);
  return digest;
}

/** The same text as `canonical(part)`. @param part frozen, with all that it holds */
export function sharedText(part: unknown): string {
  if (typeof part !== "object" || part === null) return JSON.stringify(part);
  if (Array.isArray(part)) return joined("[", part.map(elementText), "]");
  const members: string[] = [];
  for (const key of sortedKeys(part)) {
    const value = (part as Readonly<Record<string, unknown>>)[key];
    if (value !== undefined) members.push(name(key) + valueText(key, value));
  }
  return joined("{", members, "}");
}

/** Who makes an object with its members in this order saves the sorting. */
function sortedKeys(part: object): string[] {
  const keys = Object.keys(part);
  for (let i = 1; i < keys.length; i++) if (keys[i - 1] > keys[i]) return keys.sort();
  return keys;
}

/** A key and its colon. */
function name(key: string): string {
  const known = names.get(key);
  if (known !== undefined) return known;
  const text = `${JSON.stringify(key)}:`;
  if (names.size < MOST_KEYS) names.set(key, text);
  return text;
}

/** In one piece of memory: a text that was added up keeps all its pieces for as long as it is kept. */
function joined(open: string, items: string[], close: string): string {
  if (items.length === 0) return open + close;
  items[0] = open + items[0];
  items[items.length - 1] += close;
  return items.join(",");
}

function elementText(element: unknown): string {
  if (typeof element !== "object" || element === null) return sharedText(element);
  const known = elements.get(element);
  if (known !== undefined) return known;
  const text = sharedText(element);
  if (text.length <= LONGEST && Object.isFrozen(element)) elements.set(element, text);
  return text;
}

function valueText(key: string, value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return sharedText(value);
  const known = latest.get(key);
  if (known?.value === value) return known.text;
  const text = sharedText(value);
  if (text.length <= LONGEST && Object.isFrozen(value) && (known || latest.size < MOST_KEYS))
    latest.set(key, { value, text });
  return text;
}
