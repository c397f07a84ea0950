/** Which keys of a resource refer to which kind, and what is bound to what. */
import type { Kind, Resource } from "./resources.ts";

type Keys = Readonly<Record<string, Kind>>;

export const REFERENCES: Readonly<Record<Kind, Keys>> = {
  area: {},
  "access-point": { area: "area" },
  cen: { area: "area" },
  ccn: { area: "area", cen: "cen" },
  instance: { area: "area", accessPoint: "access-point", ccn: "ccn" },
  device: { instance: "instance", accessPoint: "access-point" },
  vpc: { accessPoint: "access-point", cen: "cen" },
  vbr: { accessPoint: "access-point", cen: "cen" },
  "security-group": { vpc: "vpc" },
  rule: { securityGroup: "security-group" },
};

/** The same by key alone: a key refers to one kind, whatever it stands in. */
export const REFERRED: Readonly<Record<string, Kind>> = Object.assign({}, ...Object.values(REFERENCES));

/** What operators bind to what; to one at most. */
export const BINDINGS = { instance: "ccn", ccn: "cen", vpc: "cen", vbr: "cen" } as const;

/** Order in which kinds can be made: what is referred to stands first. */
export const KINDS = Object.keys(REFERENCES) as readonly Kind[];

/** A reference that a resource holds. */
export interface Reference {
  readonly key: string;
  readonly kind: Kind;
  readonly id: string;
}

/** Those that are not null. */
export function referencesOf(resource: Resource): Reference[] {
  const values = resource as unknown as Readonly<Record<string, string | null>>;
  const found: Reference[] = [];
  for (const [key, kind] of Object.entries(REFERENCES[resource.kind])) {
    const id = values[key];
    if (typeof id === "string") found.push({ key, kind, id });
  }
  return found;
}
