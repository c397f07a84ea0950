/** The reference of the configuration file, in Markdown, from the descriptions in the schema. */
import type { TSchema } from "typebox";

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly expects?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
}

/** One table row a key: path, kind of value, what it is. Keys with `*` must be there. */
export function reference(schema: TSchema): string {
  const rows: string[] = [];
  walk(schema as Node, "", rows);
  return `| key | value | meaning |\n|---|---|---|\n${rows.join("\n")}\n`;
}

function walk(node: Node, path: string, rows: string[]): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const here = path === "" ? key : `${path}.${key}`;
    const list = child.type === "array";
    const inner = list ? (child.items as Node) : child;
    const must = node.required?.includes(key) ? " \\*" : "";
    const meaning = child.description ?? inner.description ?? "";
    rows.push(`| \`${here}${list ? "[]" : ""}\`${must} | ${cell(kind(inner, list))} | ${cell(meaning)} |`);
    if (!child.anyOf) walk(inner, list ? `${here}[]` : here, rows);
  }
}

const FORMATS: Readonly<Record<string, string>> = {
  "vcpe-name": "name",
  "vcpe-device": "interface name",
  "vcpe-prefix": "prefix",
  "vcpe-ip": "address",
  "vcpe-ip-or-any": "address or `any`",
  "vcpe-identity": "identity",
  "vcpe-dns-name": "DNS name",
  "vcpe-ports": "port or range",
  "vcpe-duration": "duration",
  "vcpe-duration-or-off": "duration or `off`",
  "vcpe-rate": "rate",
  "vcpe-ike-proposal": "cipher-prf-group",
  "vcpe-esp-proposal": "cipher[-group][-noesn]",
};

function kind(node: Node, list: boolean): string {
  const one = node.enum
    ? node.enum.map((value) => `\`${value}\``).join(", ")
    : (node.expects ?? (node.format && FORMATS[node.format]) ?? plain(node));
  return list ? `list of: ${one}` : one;
}

function plain({ type, minimum, maximum }: Node): string {
  if (type === "object") return "mapping";
  if (type !== "integer") return type ?? "";
  return maximum !== undefined && maximum >= 2 ** 31 ? `number ≥ ${minimum}` : `${minimum}–${maximum}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
