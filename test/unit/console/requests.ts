/** Requests made of the OpenAPI document: such that fit it, and such that nearly do. */
import fc, { type Arbitrary } from "fast-check";
import type { TSchema } from "typebox";
import { REFERRED } from "../../../src/console/model/references.ts";
import type { Kind } from "../../../src/console/model/resources.ts";
import type { DocumentedOperation } from "./document.ts";

/** Stands for a name or id that exists when the request is sent: of a kind, or of any. */
export interface Pick {
  readonly $pick: number;
  readonly kind?: Kind;
}

export interface Attempt {
  readonly operation: DocumentedOperation;
  readonly role: string;
  readonly path: readonly unknown[];
  readonly query: Readonly<Record<string, unknown>>;
  readonly ifMatch: "none" | "current" | "stale" | "any" | "junk";
  readonly ifNoneMatch: string | undefined;
  readonly key: string | undefined;
  readonly body: unknown;
}

interface Words {
  readonly type?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Words[];
  readonly items?: Words;
  readonly properties?: Readonly<Record<string, Words>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
}

const pick: Arbitrary<unknown> = fc.nat(1000).map(($pick) => ({ $pick }));

/** A key that names a resource mostly names one of the right kind. */
function keyed(key: string, schema: Words): Arbitrary<unknown> {
  const kind = REFERRED[key];
  if (kind === undefined || schema.type === "object") return fitting(schema);
  const right = fc.nat(1000).map(($pick) => ({ $pick, kind }));
  return fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: fitting(schema) });
}

const JUNK: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, -1, 1e308, 0.5, "", "__proto__", "constructor", "\0", "é".repeat(300), [], {}, true),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.anything({ maxDepth: 2, withNullPrototype: false }),
  fc.constant({ constructor: { prototype: {} } }),
);

const CIDRS = fc
  .tuple(
    fc.constantFrom("10.1.0.0", "10.2.0.0", "172.16.0.0", "192.168.1.0", "100.64.0.0", "10.1.0.1"),
    fc.integer({ min: 6, max: 34 }),
  )
  .map(([address, length]) => `${address}/${length}`);

function text({ pattern }: Words): Arbitrary<unknown> {
  if (pattern === undefined)
    return fc.oneof({ weight: 6, arbitrary: pick }, { weight: 1, arbitrary: fc.string({ maxLength: 20 }) });
  if (pattern.includes("{1,127}")) return fc.stringMatching(/^[a-c][0-9]$/);
  if (pattern.includes("/\\d{1,2}")) return fc.oneof(CIDRS, fc.constant("10.3.0.0/16"));
  if (pattern.startsWith("^(\\d{1,3}"))
    return fc.oneof(fc.constantFrom("192.0.2.1", "300.1.1.1", "0.0.0.0"), fc.ipV4());
  if (pattern.includes("(?!")) return fc.string({ maxLength: 20 });
  // Network namespaces and devices: few, so that what one access point offers is what others ask for.
  if (pattern.startsWith("^[A-Za-z0-9][A-Za-z0-9._-]{0,")) {
    const some = fc.constantFrom("vpc-shanghai", "eth1", "eth2", "red");
    return fc.oneof({ weight: 6, arbitrary: some }, { weight: 1, arbitrary: fc.stringMatching(new RegExp(pattern)) });
  }
  return fc.stringMatching(new RegExp(pattern), { maxLength: 40 });
}

/** Values that fit, but for texts that name something. */
function fitting(schema: Words): Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(fitting));
  switch (schema.type) {
    case "string":
      return text(schema);
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1000 });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return (schema.uniqueItems ? fc.uniqueArray : fc.array)(fitting(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: 4,
      });
    case "object": {
      const { properties = {}, required = [] } = schema;
      const keys = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, keyed(key, value)]));
      return fc.record(keys, { requiredKeys: [...required] });
    }
    default:
      return JUNK;
  }
}

/** Mostly fitting; else with one key replaced, added or taken away, or something else altogether. */
function nearly(schema: Words): Arbitrary<unknown> {
  const bent = fc
    .tuple(fitting(schema), fc.nat(20), JUNK, fc.string({ maxLength: 12 }))
    .map(([value, n, junk, key]) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return junk;
      const keys = Object.keys(value);
      if (n % 3 === 0 || keys.length === 0) return { ...value, [key]: junk };
      if (n % 3 === 1) return { ...value, [keys[n % keys.length]]: junk };
      return Object.fromEntries(Object.entries(value).filter((_, i) => i !== n % keys.length));
    });
  return fc.oneof(
    { weight: 7, arbitrary: fitting(schema) },
    { weight: 3, arbitrary: bent },
    { weight: 1, arbitrary: JUNK },
  );
}

function attemptOf(operation: DocumentedOperation): Arbitrary<Attempt> {
  const of = (place: string) => operation.parameters.filter((parameter) => parameter.in === place);
  const query = Object.fromEntries(
    of("query").map(({ name, schema }) => [
      name,
      fc.oneof(
        { weight: 4, arbitrary: fitting(schema as Words) },
        { weight: 1, arbitrary: fc.string({ maxLength: 9 }) },
      ),
    ]),
  );
  return fc.record({
    operation: fc.constant(operation),
    role: fc.oneof(
      { weight: 8, arbitrary: fc.constant("admin") },
      { weight: 4, arbitrary: fc.constantFrom("operator", "viewer", "nobody", "") },
    ),
    path: fc.tuple(
      ...of("path").map(() =>
        fc.oneof({ weight: 8, arbitrary: pick }, { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 150 }) }),
      ),
    ),
    query: fc.record(query, { requiredKeys: [] }),
    ifMatch: fc.constantFrom("none", "current", "current", "current", "stale", "any", "junk"),
    ifNoneMatch: fc.option(fc.constantFrom('"1"', 'W/"1"', "*", "junk, ,"), { nil: undefined, freq: 9 }),
    key: fc.option(fc.constantFrom("k1", "k2", "k 3", "k".repeat(200)), { nil: undefined, freq: 4 }),
    body: operation.body ? nearly(operation.body as TSchema as Words) : fc.constant(undefined),
  });
}

export function attempts(all: readonly DocumentedOperation[]): Arbitrary<Attempt> {
  return fc.oneof(...all.map(attemptOf));
}
