/** The file of `vcpe apply`: a whole site, lists of resources under the plural of their kind. */
import { readFileSync } from "node:fs";
import Type, { type TObject, type TSchema } from "typebox";
import { type Kind, SPECS } from "../../console/model/resources.ts";
import { ConfigError, type Finding, type Path, type Problem } from "../../router/config/problem.ts";
import { readSource, type Source } from "../../router/config/source.ts";
import { checkStructure } from "../../router/config/structure.ts";
import type { ClientError } from "./error.ts";
import { pluralOf } from "./kinds.ts";

/** Kinds that operators write; devices are made with their instance. */
const OWN = (Object.keys(SPECS) as Kind[]).filter((kind) => kind !== "device");

/** A resource of the file: new ones need more than a name, but what is there already stays as it is where nothing is written. */
function entry(kind: Kind): TObject {
  const { properties, required } = SPECS[kind] as unknown as {
    readonly properties: Readonly<Record<string, TSchema>>;
    readonly required: readonly string[];
  };
  const keys = Object.entries(properties).map(([key, schema]) => [
    key,
    key === "name" ? schema : Type.Optional(Type.Union([Type.Unsafe({ ...schema }), Type.Null()], words(schema))),
  ]);
  return Type.Object(Object.fromEntries(keys), {
    additionalProperties: false,
    description: `A new one needs ${required.join(", ")}. Of one that exists, keys that are absent stay as they are; null sets a key back to its default.`,
  });
}

function words(schema: TSchema): { description?: string } {
  const { description } = schema as { description?: string };
  return description === undefined ? {} : { description };
}

export const SiteFile = Type.Object(
  Object.fromEntries(OWN.map((kind) => [pluralOf(kind), Type.Optional(Type.Array(entry(kind)))])),
  {
    title: "vcpe site",
    description: "What `vcpe apply -f FILE` makes so. References are names, in any order.",
    additionalProperties: false,
  },
);

export interface Site {
  /** As the API takes them. */
  readonly resources: readonly (Readonly<Record<string, unknown>> & { readonly kind: Kind; readonly name: string })[];
  /** What the console found wrong, at its place in the file. */
  blame(error: ClientError): ConfigError | undefined;
}

/** Largest file, bytes: what the console takes. */
const LARGEST = 16 * 1024 * 1024;

/** "-": standard input. @throws ConfigError with all that was found. */
export function readSite(file: string): Site {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    const message = `cannot be read (${(error as NodeJS.ErrnoException).code})`;
    throw new ConfigError(file, [problem("unreadable", message, "Check the path and its permissions")]);
  }
  if (text.length > LARGEST)
    throw new ConfigError(file, [problem("unreadable", `is larger than ${LARGEST} bytes`, "Apply it in parts")]);
  return parseSite(text, file);
}

/** @throws ConfigError with all that was found. */
export function parseSite(text: string, file: string): Site {
  const source = readSource(text);
  if (source.problems.length > 0) throw new ConfigError(file, source.problems);
  // A file that was cut to nothing must not mean "nothing is wanted": with --prune that would be everything.
  const { value } = source;
  if (value === undefined || value === null)
    throw new ConfigError(file, [problem("empty", "is empty", "List what is wanted; {} says that it is nothing")]);
  const findings = checkStructure(SiteFile, value);
  if (findings.length > 0) throw new ConfigError(file, placed(findings, source));

  const places: Path[] = [];
  const lists = value as Readonly<Record<string, readonly (Record<string, unknown> & { name: string })[] | undefined>>;
  const resources = OWN.flatMap((kind) =>
    (lists[pluralOf(kind)] ?? []).map((resource, i) => {
      places.push([pluralOf(kind), i]);
      return { kind, ...resource };
    }),
  );
  const names = new Set<string>();
  const twice = resources.flatMap(({ kind, name }, i): Finding[] => {
    const known = names.size;
    if (names.add(`${kind} ${name}`).size > known) return [];
    return [
      {
        severity: "error",
        code: "duplicate-name",
        path: [...places[i], "name"],
        message: `there is another ${kind} "${name}" above`,
        next: "Leave one of them out, or rename it",
      },
    ];
  });
  if (twice.length > 0) throw new ConfigError(file, placed(twice, source));
  return {
    resources,
    blame(error) {
      const all = error.violations.length > 0 ? error.violations : [error];
      const found = all.map(({ code, message, next, path = "" }): Finding | Problem => {
        const at = placeOf(path, places);
        const words = { message: message.replace(/\.$/, ""), next: next.replace(/\.$/, "") };
        return at ? { severity: "error", code, ...words, path: at } : problem(code, words.message, words.next);
      });
      const here = found.filter((one): one is Finding => !("line" in one));
      // What has no place in the file, as what --prune would delete, is told before what has.
      const elsewhere = found.filter((one): one is Problem => "line" in one);
      return here.length > 0 ? new ConfigError(file, [...elsewhere, ...placed(here, source)]) : undefined;
    },
  };
}

/** "resources[3].cidrs[0]" → ["instances", 1, "cidrs", 0] */
function placeOf(path: string, places: readonly Path[]): Path | undefined {
  const match = /^resources\[(\d+)\](.*)$/.exec(path);
  const place = match && places[Number(match[1])];
  if (!match || !place) return undefined;
  const rest = [...match[2].matchAll(/\.([^.[\]]+)|\[(\d+)\]/g)];
  return [...place, ...rest.map(([, key, index]) => (key === undefined ? Number(index) : key))];
}

function placed(findings: readonly Finding[], source: Source): Problem[] {
  return findings
    .map((finding) => ({ ...finding, ...source.locate(finding.path, finding.code === "unknown-key") }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

function problem(code: string, message: string, next: string): Problem {
  return { severity: "error", code, path: [], line: 0, column: 0, message, next };
}
