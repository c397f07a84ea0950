/** Holds a value against a schema and says what is wrong in words of the configuration, not of JSON Schema. */
import type { TSchema } from "typebox";
import { Settings } from "typebox/system";
import { Errors } from "typebox/value";
import { formatFault, registerFormats } from "./formats.ts";
import { nearest } from "./nearest.ts";
import { type Finding, formatPath, type Path } from "./problem.ts";

interface SchemaError {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: object;
}

/** JSON Schema keywords that we read back from our own schemas. */
interface Keywords {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly expects?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly { readonly type?: string; readonly format?: string }[];
  /** What stands here must not be shown. */
  readonly secret?: boolean;
}

/** All that is wrong, at most one finding a place and rule, in no particular order. Empty: the value fits. */
export function checkStructure(schema: TSchema, value: unknown): Finding[] {
  registerFormats();
  const errors = allErrors(schema, value);
  // A union that no branch fits reports each branch's complaints too; the one about the union says it all.
  // But where the choice is one thing or null, that thing's complaint says more.
  const unions: string[] = [];
  const nullable = new Set<string>();
  for (const { keyword, schemaPath } of errors) {
    if (keyword !== "anyOf") continue;
    const branches = resolve(schema, schemaPath).anyOf ?? [];
    const thing = branches.findIndex(({ type }) => type !== "null");
    if (branches.length === 2 && branches[1 - thing]?.type === "null") {
      nullable.add(schemaPath);
      unions.push(`${schemaPath}/anyOf/${1 - thing}`);
    } else unions.push(`${schemaPath}/anyOf/`);
  }
  const findings: Finding[] = [];
  for (const error of errors) {
    if (unions.some((union) => error.schemaPath.startsWith(union))) continue;
    if (error.keyword === "anyOf" && nullable.has(error.schemaPath)) continue;
    const path = pathOf(error.instancePath, value);
    findings.push(...findingsOf(error, path, at(value, path), resolve(schema, error.schemaPath)));
  }
  return findings;
}

/** The validator stops after 8 errors unless it is told otherwise; an operator wants to see them all. */
function allErrors(schema: TSchema, value: unknown): readonly SchemaError[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: 1000 });
  try {
    return Errors(schema, value) as readonly SchemaError[];
  } finally {
    Settings.Set({ maxErrors });
  }
}

function findingsOf(error: SchemaError, path: Path, value: unknown, schema: Keywords): Finding[] {
  const params = error.params as Readonly<Record<string, unknown>>;
  const finding = (code: string, message: string, next: string, where: Path = path): Finding => ({
    severity: "error",
    code,
    path: where,
    message,
    next,
  });
  switch (error.keyword) {
    case "required":
      return (params.requiredProperties as string[]).map((key) =>
        finding("missing-key", `"${key}" is missing`, `Add ${key}: ${hint(schema.properties?.[key])}`),
      );
    case "additionalProperties":
      return (params.additionalProperties as string[]).map((key) => {
        const known = Object.keys(schema.properties ?? {});
        const meant = nearest(key, known);
        const place = path.length > 0 ? ` in ${formatPath(path)}` : "";
        return finding(
          "unknown-key",
          `"${key}" is not a key here`,
          meant ? `Did you mean "${meant}"?` : `Known${place}: ${known.join(", ")}`,
          [...path, key],
        );
      });
    case "type":
      return [
        finding(
          "type",
          `expected ${article(String(params.type))}, found ${path.length === 0 && typeof value === "string" ? "a text" : describe(value)}`,
          params.type === "string" && (typeof value === "number" || typeof value === "boolean")
            ? `Put it in quotes: "${value}"`
            : "Correct the value",
        ),
      ];
    case "format": {
      const fault = formatFault(String(params.format), String(value));
      return fault ? [finding("format", fault.message, fault.next)] : [];
    }
    case "anyOf": {
      // A text where one of the choices is a kind of text: what is wrong with it tells more.
      const format = schema.anyOf?.find((choice) => choice.format !== undefined)?.format;
      const fault = format !== undefined && typeof value === "string" ? formatFault(format, value) : undefined;
      if (fault) return [finding("format", fault.message, fault.next)];
      return [choice(finding, value, schema)];
    }
    case "enum":
    case "const":
      return [choice(finding, value, schema)];
    case "pattern":
      return [
        finding(
          "pattern",
          `${schema.secret ? "this" : describe(value)} is not written as it must be`,
          schema.description?.replace(/\.$/, "") ?? `It must match ${params.pattern}`,
        ),
      ];
    case "maxLength":
      return [finding("too-long", "it is too long", `At most ${params.limit} characters are allowed`)];
    case "uniqueItems":
      return [finding("duplicate", "something stands in the list twice", "Leave each entry once")];
    case "minimum":
    case "maximum":
      return [finding("range", `${value} is out of range`, `It must be ${params.comparison} ${params.limit}`)];
    case "minItems":
    case "minLength":
      return [finding("empty", "it is empty", `Give at least ${params.limit}, or leave the key out if it is optional`)];
    case "maxItems":
      return [finding("too-many", "there are too many entries", `At most ${params.limit} are allowed`)];
    case "boolean":
      // The shadow of an additionalProperties error.
      return [];
    default:
      return [finding(error.keyword, `it breaks the rule "${error.keyword}"`, "See the documentation of this key")];
  }
}

function choice(
  finding: (code: string, message: string, next: string) => Finding,
  value: unknown,
  schema: Keywords,
): Finding {
  const what = schema.secret ? "this" : describe(value);
  return finding("choice", `${what} is none of the choices`, `Write ${schema.expects ?? choices(schema)}`);
}

/** "/tunnels/0/name" → ["tunnels", 0, "name"]; numbers only where the value is a list. */
function pathOf(pointer: string, value: unknown): Path {
  const path: (string | number)[] = [];
  let here = value;
  for (const raw of pointer.split("/").slice(1)) {
    const text = raw.replaceAll("~1", "/").replaceAll("~0", "~");
    const step = Array.isArray(here) ? Number(text) : text;
    path.push(step);
    here = (here as Readonly<Record<string | number, unknown>> | undefined)?.[step];
  }
  return path;
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((here, step) => (here as Readonly<Record<string | number, unknown>>)?.[step], value);
}

/** The part of a schema that "#/properties/tunnels/items" names. */
function resolve(schema: TSchema, pointer: string): Keywords {
  let here: unknown = schema;
  for (const step of pointer.split("/").slice(1)) here = (here as Readonly<Record<string, unknown>>)?.[step];
  return (here ?? {}) as Keywords;
}

function hint(schema: unknown): string {
  const text = (schema as { readonly description?: string } | undefined)?.description;
  return text ? `…  (${text.split(/(?<=\.)\s/)[0].replace(/\.$/, "")})` : "…";
}

/** What may stand there, as far as the schema tells. */
function choices(schema: Keywords): string {
  if (schema.enum) return schema.enum.map((choice) => JSON.stringify(choice)).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  return schema.description?.replace(/\.$/, "") ?? "one of the choices";
}

function article(type: string): string {
  return { object: "a mapping (key: value)", array: "a list", integer: "a whole number" }[type] ?? `a ${type}`;
}

/** Longer texts are not repeated: who gives a wrong file would find all of it, and maybe a key, on the screen. */
const LONG = 40;

function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return `a mapping with ${Object.keys(value).join(", ") || "no keys"}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  const text = String(value);
  return text.length > LONG ? `a text of ${text.length} characters` : JSON.stringify(text);
}
