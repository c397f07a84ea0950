/** `--key value` for the keys of a kind, as its schema has them. */
import { type Kind, SPECS } from "../../console/model/resources.ts";
import { article } from "../../console/model/word.ts";
import { nearest } from "../../router/config/nearest.ts";
import { usage } from "./error.ts";

interface Node {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface Flag {
  /** In the spec: "peakBandwidth". */
  readonly key: string;
  /** On the command line: "--peak-bandwidth". */
  readonly flag: string;
  readonly required: boolean;
  readonly boolean: boolean;
  readonly list: boolean;
  /** What to write, for help. */
  readonly form: string;
  readonly description: string;
  /** @throws ClientError usage */
  read(text: string): unknown;
}

export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Of every key but the name, which stands by itself. */
function flagsOf(kind: Kind): Flag[] {
  const schema = SPECS[kind] as unknown as Node;
  return Object.entries(schema.properties ?? {})
    .filter(([key]) => key !== "name")
    .map(([key, node]) => flagOf(key, node, schema.required?.includes(key) ?? false));
}

/** Other options of a command, by their flag: does a value follow? */
export type Others = Readonly<Record<string, boolean>>;

export interface Parsed {
  readonly values: Record<string, unknown>;
  readonly others: Record<string, string | true>;
}

/** @throws ClientError usage */
export function parseFlags(kind: Kind, words: readonly string[], others: Others): Parsed {
  const flags = flagsOf(kind);
  const values: Record<string, unknown> = {};
  const found: Record<string, string | true> = {};
  for (let i = 0; i < words.length; i++) {
    const [word, attached] = split(words[i]);
    if (!word.startsWith("--"))
      throw usage(`"${words[i]}" stands alone`, `Write --key value; keys: vcpe create ${kind} --help`);
    const value = (): string => {
      if (attached !== undefined) return attached;
      const next = words[++i];
      if (next === undefined || (next.startsWith("--") && next !== "--"))
        throw usage(`${word} needs a value`, `Write ${word} VALUE`);
      return next;
    };
    if (word in others) {
      found[word] = others[word] ? value() : true;
      continue;
    }
    const plain = `--${word.slice(2).replace(/^no-/, "")}`;
    const flag = flags.find((one) => [word, plain].some((text) => text === one.flag || text === `--${one.key}`));
    if (!flag || (word !== plain && word !== flag.flag && !flag.boolean)) throw unknown(kind, word, flags, others);
    if (flag.boolean)
      values[flag.key] = attached === undefined ? word === flag.flag || word === `--${flag.key}` : flag.read(attached);
    else if (flag.list)
      values[flag.key] = [...((values[flag.key] as unknown[]) ?? []), ...(flag.read(value()) as unknown[])];
    else if (flag.key in values) throw usage(`${flag.flag} is given twice`, "Keep one of the two");
    else values[flag.key] = flag.read(value());
  }
  return { values, others: found };
}

/** @throws ClientError usage, when a key that must be there is not. */
export function checkComplete(kind: Kind, values: Readonly<Record<string, unknown>>): void {
  const missing = flagsOf(kind).filter(({ key, required }) => required && !(key in values));
  if (missing.length === 0) return;
  const list = missing.map(({ flag, form }) => `${flag} ${form}`).join(" ");
  throw usage(`${article(kind)} needs ${missing.map(({ flag }) => flag).join(", ")}`, `Add ${list}`);
}

/** Characters of a line of help. */
const WIDTH = 80;
/** Of which descriptions get as many at least. */
const LEAST = 30;

/**
 * Lines of help. `more`: other options, what to write and what it is for. A resource that is changed needs no key: only where one is `made` it is
 * told which must be there.
 */
export function describeFlags(kind: Kind, made: boolean, more: readonly (readonly [string, string])[] = []): string[] {
  const rows = flagsOf(kind).map(({ flag, form, required, boolean, description }): readonly [string, string] => [
    boolean ? flag.replace("--", "--[no-]") : `${flag} ${form}`,
    `${description}${made && required ? " (needed)" : ""}`.trim(),
  ]);
  const all = [...rows, ...more];
  const margin = Math.min(Math.max(...all.map(([left]) => left.length)) + 4, WIDTH - LEAST);
  return all.flatMap(([left, right]) => {
    const [first = "", ...rest] = folded(right, WIDTH - margin);
    const begin = `  ${left}`;
    const own = begin.length + 2 > margin && first !== "" ? [begin, first.padStart(first.length + margin)] : [];
    const lines = own.length > 0 ? own : [`${begin.padEnd(margin)}${first}`.trimEnd()];
    return [...lines, ...rest.map((line) => `${" ".repeat(margin)}${line}`)];
  });
}

/** Broken between words into lines of so many characters. */
function folded(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function split(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return at < 0 || !word.startsWith("--") ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function unknown(kind: Kind, word: string, flags: readonly Flag[], others: Others) {
  const known = [...flags.map(({ flag }) => flag), ...Object.keys(others)];
  const meant = nearest(word, known);
  return usage(`${word} is no key of ${article(kind)}`, meant ? `Did you mean ${meant}?` : `Keys: ${known.join(", ")}`);
}

function flagOf(key: string, node: Node, required: boolean): Flag {
  const nullable = node.anyOf?.some(({ type }) => type === "null") ?? false;
  const choices = node.anyOf?.filter(({ type }) => type !== "null");
  const inner = choices?.length === 1 ? choices[0] : node;
  const flag = flagName(key);
  const list = inner.type === "array";
  return {
    key,
    flag,
    required,
    boolean: inner.type === "boolean",
    list,
    form: formOf(list ? (inner.items as Node) : inner, list) + (nullable ? "|null" : ""),
    description: node.description ?? inner.description ?? "",
    read: (text) => (nullable && text === "null" ? null : readValue(flag, inner, text)),
  };
}

function formOf(node: Node, list: boolean): string {
  if (list) return node.type === "object" ? `${objectKeys(node).map(upper).join("=")},…` : "VALUE,…";
  if (node.enum) return node.enum.join("|");
  if (node.const !== undefined) return String(node.const);
  if (node.type === "integer") return node.minimum === undefined ? "N" : `${node.minimum}…${node.maximum ?? ""}`;
  const variants = node.anyOf?.filter(({ type }) => type === "object") ?? [];
  if (variants.length > 0) return variants.map(variantForm).join("|");
  return "VALUE";
}

function readValue(flag: string, node: Node, text: string): unknown {
  if (/^[[{]/.test(text)) return json(flag, text);
  if (node.type === "array") {
    const item = node.items as Node;
    // A list without entries is written as an empty text.
    return text
      .split(",")
      .filter((part) => part !== "")
      .map((part) => (item.type === "object" ? pair(flag, item, part) : readValue(flag, item, part)));
  }
  if (node.type === "boolean") {
    if (text === "true" || text === "false") return text === "true";
    throw usage(`${flag}: "${text}" is neither true nor false`, `Write ${flag} or ${flag.replace("--", "--no-")}`);
  }
  if (node.type === "integer" || node.type === "number") {
    const number = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(number)) return number;
    throw usage(`${flag}: "${text}" is no number`, `Write ${flag} ${formOf(node, false)}`);
  }
  if (node.enum && !node.enum.includes(text)) {
    const meant = nearest(text, node.enum.map(String));
    throw usage(
      `${flag}: "${text}" is none of the choices`,
      meant ? `Did you mean "${meant}"?` : `Write ${node.enum.join(", ")}`,
    );
  }
  const variants = node.anyOf?.filter(({ type }) => type === "object") ?? [];
  return variants.length > 0 ? variant(flag, variants, text) : text;
}

function json(flag: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`${flag}: what begins with { or [ must be JSON`, "Put it in quotes that the shell leaves alone: '…'");
  }
}

/** name=cidr → { name, cidr } */
function pair(flag: string, node: Node, text: string): unknown {
  const keys = objectKeys(node);
  const parts = text.split("=");
  if (parts.length === keys.length) return Object.fromEntries(keys.map((key, i) => [key, parts[i]]));
  throw usage(
    `${flag}: "${text}" has not the form ${keys.map(upper).join("=")}`,
    `Write ${flag} ${formOf(node, true)}`,
  );
}

/** namespace:web → { kind: "namespace", name: "web" } */
function variant(flag: string, variants: readonly Node[], text: string): unknown {
  const [kind, ...rest] = text.split(":");
  const chosen = variants.find((one) => one.properties?.kind.const === kind);
  const keys = chosen ? objectKeys(chosen).filter((key) => key !== "kind") : [];
  if (!chosen || keys.length !== rest.length)
    throw usage(`${flag}: "${text}" is none of the choices`, `Write ${variants.map(variantForm).join(", ")}`);
  return { kind, ...Object.fromEntries(keys.map((key, i) => [key, rest[i]])) };
}

function variantForm(node: Node): string {
  return [
    node.properties?.kind.const,
    ...objectKeys(node)
      .filter((key) => key !== "kind")
      .map(upper),
  ].join(":");
}

const objectKeys = (node: Node) => Object.keys(node.properties ?? {});
const upper = (text: string) => text.toUpperCase();
