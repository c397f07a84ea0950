/** Schemas of what operators write, as requests: whole, as a merge patch, and many at once. */
import Type, { type TObject, type TSchema } from "typebox";
import type { Path } from "../../router/config/problem.ts";
import { checkStructure } from "../../router/config/structure.ts";
import type { OwnKind } from "../desk/draft.ts";
import { SPECS, type Written } from "../model/resources.ts";
import { EXAMPLES } from "./examples.ts";
import { type Checker, checkedBy, checker } from "./validation.ts";

export const OWN_KINDS = Object.keys(SPECS).filter((kind) => kind !== "device") as readonly OwnKind[];

export const BODIES = Object.fromEntries(
  OWN_KINDS.map((kind) => [kind, Type.Object(SPECS[kind].properties, { ...closed(), examples: [EXAMPLES[kind]] })]),
) as unknown as Readonly<Record<OwnKind, TObject>>;

const CHECKS = Object.fromEntries(OWN_KINDS.map((kind) => [kind, SPECS[kind]])) as unknown as Readonly<
  Record<OwnKind, TObject>
>;

/** All that is wrong with a spec. @param at where in the request it stands */
export function checkSpec(kind: OwnKind, value: unknown, at: Path = []): ReturnType<Checker> {
  return checker(CHECKS[kind], at)(value);
}

/** A merge patch (RFC 7396). It is judged by what comes of it, so here it need only be an object. */
export const PATCHES = Object.fromEntries(
  OWN_KINDS.map((kind) => {
    const keys = Object.entries(SPECS[kind].properties as Readonly<Record<string, TSchema>>).map(([key, schema]) => [
      key,
      Type.Optional(Type.Union([Type.Unsafe({ ...schema }), Type.Null()])),
    ]);
    const patch = Type.Object(Object.fromEntries(keys), {
      ...closed(),
      description:
        "A merge patch (RFC 7396): keys that are absent stay as they are; null sets a key back to its default.",
    });
    return [kind, checkedBy(patch, (value) => checkStructure(Type.Object({}), value))];
  }),
) as unknown as Readonly<Record<OwnKind, TObject>>;

/**
 * RFC 7396, section 2. But what says of itself that it is of another kind (the `place` of a VPC) takes the place of the former as a whole:
 * merged key by key, the two would be neither.
 */
export function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const another = isObject(target) && typeof patch.kind === "string" && patch.kind !== target.kind;
  const result: Record<string, unknown> = isObject(target) && !another ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** What stands in an `apply`: a spec and its kind. */
export type Applied = { readonly kind: OwnKind; readonly name: string } & Partial<Written<OwnKind>>;

const LOOSE = Type.Object(
  {
    resources: Type.Array(Type.Object({ kind: Type.Enum([...OWN_KINDS]), name: SPECS.area.properties.name }), {
      maxItems: 50_000,
    }),
    prune: Type.Optional(Type.Boolean()),
  },
  closed(),
);

export const ApplyBody = checkedBy(
  Type.Object(
    {
      resources: Type.Array(
        Type.Union(
          OWN_KINDS.map((kind) => {
            const { required } = SPECS[kind] as unknown as { readonly required: readonly string[] };
            const keys = { kind: Type.Literal(kind), ...SPECS[kind].properties };
            return Type.Object(keys as Readonly<Record<string, TSchema>>, {
              ...closed(),
              description: `New ones need ${required.join(", ")}; of those that exist, absent keys stay as they are.`,
            });
          }),
          { discriminator: { propertyName: "kind" } },
        ),
        { maxItems: 50_000 },
      ),
      prune: Type.Optional(
        Type.Boolean({ description: "true: what is not in `resources` is deleted. Default false." }),
      ),
    },
    {
      ...closed(),
      examples: [{ resources: OWN_KINDS.map((kind) => ({ kind, ...EXAMPLES[kind] })) }],
    },
  ),
  checker(LOOSE),
);

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function closed(): { readonly additionalProperties: false } {
  return { additionalProperties: false };
}
