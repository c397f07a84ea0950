/** Schemas of what the API answers, shared by the OpenAPI document and the tests. */
import Type, { type TObject, type TSchema } from "typebox";
import { type Kind, SPECS } from "../model/resources.ts";
import { INSTANCE_STATES } from "../model/status.ts";

const closed = { additionalProperties: false } as const;
const Id = Type.String({ minLength: 1 });
const Time = Type.String({ format: "date-time", description: "ISO 8601, UTC." });
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Word = Type.String({ description: "A stable word." });

const Named = Type.Object({ kind: Type.Enum(Object.keys(SPECS)), id: Id, name: Type.String() }, closed);

const FaultReply = Type.Object(
  {
    code: Word,
    message: Type.String(),
    next: Type.String({ description: "What to do about it." }),
    path: Type.String({ description: "Key in the request; empty: the whole of it." }),
    kind: Type.Optional(Type.Enum(Object.keys(SPECS))),
    id: Type.Optional(Id),
    other: Type.Optional(Named),
  },
  closed,
);

const ErrorReply = Type.Object(
  {
    code: Word,
    message: Type.String({ description: "One sentence." }),
    next: Type.String({ description: "What to do about it." }),
    path: Type.Optional(Type.String({ description: "Key in the request." })),
    violations: Type.Optional(Type.Array(FaultReply)),
  },
  { ...closed, $id: "Error" },
);

const DeviceState = {
  controller: Type.Enum(["normal", "abnormal"]),
  vpn: Type.Enum(["normal", "abnormal", "none"]),
  sync: Type.Enum(["synchronized", "synchronizing", "unsynchronized"]),
  enrolled: Type.Boolean(),
  version: nullable(Type.String()),
  lastSeen: nullable(Time),
  applied: Type.Integer(),
  wanted: Type.Integer(),
  error: nullable(Type.Object({ code: Word, message: Type.String() }, closed)),
  tunnelsUp: Type.Integer(),
  tunnelsTotal: Type.Integer(),
};

const STATUS: Partial<Record<Kind, TObject>> = {
  instance: Type.Object(
    {
      status: Type.Enum([...INSTANCE_STATES]),
      text: Type.String(),
      carrier: nullable(Type.String({ description: "Serial number of the device that carries traffic." })),
      carrierKnownBy: nullable(
        Type.Enum(["gateway", "devices"], {
          description: "devices: a guess by their own connections, as the gateway does not tell.",
        }),
      ),
    },
    closed,
  ),
  device: Type.Object(
    {
      ...DeviceState,
      tunnels: Type.Optional(Type.Array(Type.Unknown(), { description: "Only in the reply for one device." })),
      attachments: Type.Optional(Type.Array(Type.Unknown(), { description: "Only in the reply for one device." })),
      drops: Type.Optional(
        Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
          description: "Packets that went no further, by reason. Only in the reply for one device.",
        }),
      ),
    },
    closed,
  ),
  "access-point": Type.Object({ device: nullable(Id), ...DeviceState }, closed),
  vpc: Type.Object({ state: Type.String(), reason: nullable(Type.String()) }, closed),
  vbr: Type.Object({ state: Type.String(), reason: nullable(Type.String()) }, closed),
};

/** A resource as it is answered. */
export const RESOURCES = Object.fromEntries(
  Object.entries(SPECS).map(([kind, spec]) => {
    const written = Object.entries(spec.properties as Readonly<Record<string, TSchema>>);
    // Type.Optional marks the schema itself; a copy of its words alone is not optional.
    const keys = Object.fromEntries(written.map(([key, schema]) => [key, Type.Unsafe<unknown>({ ...schema })]));
    const status = STATUS[kind as Kind];
    return [
      kind,
      Type.Object(
        {
          kind: Type.Literal(kind),
          id: Id,
          version: Type.Integer({ minimum: 1 }),
          created: Time,
          updated: Time,
          ...keys,
          ...(status && { status: Type.Optional(status) }),
        },
        { ...closed, $id: pascal(kind) },
      ),
    ];
  }),
) as unknown as Readonly<Record<Kind, TObject>>;

/** access-point → AccessPoint */
export function pascal(kind: string): string {
  return kind.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const NewDevice = Type.Object(
  {
    serial: Type.String(),
    role: Type.Enum(["active", "standby", "gateway"]),
    instance: Type.Optional(Type.String({ description: "Name of its instance." })),
    accessPoint: Type.Optional(Type.String({ description: "Name of its access point." })),
    key: Type.Optional(Type.String({ description: "Shown this once; not in a repeated answer." })),
  },
  { ...closed, $id: "NewDevice" },
);

/** What is answered to its creation: the keys of its devices too. */
const CREATED = (["instance", "access-point"] as const).map((kind) =>
  Type.Object(
    {
      ...RESOURCES[kind].properties,
      devices: Type.Array(NewDevice),
      keysShown: Type.Optional(
        Type.Literal(true, { description: "A repeated answer: the keys are in the first one." }),
      ),
    },
    { ...closed, $id: `New${pascal(kind)}` },
  ),
);

const RouterDiffReply = Type.Object(
  {
    router: Type.String({ description: "Serial number." }),
    name: Type.String(),
    added: Type.Array(Type.String()),
    changed: Type.Array(Type.Object({ key: Type.String(), before: Type.Unknown(), after: Type.Unknown() }, closed)),
    removed: Type.Array(Type.String()),
  },
  { ...closed, $id: "RouterDiff" },
);

const MoreRouters = Type.Optional(
  Type.Integer({
    minimum: 1,
    description: "So many routers are concerned besides those in `routers`. Absent: all are there.",
  }),
);

const AppliedReply = Type.Object(
  {
    created: Type.Array(Named),
    updated: Type.Array(Named),
    deleted: Type.Array(Named),
    unchanged: Type.Integer(),
    devices: Type.Array(NewDevice),
    routers: Type.Array(RouterDiffReply),
    moreRouters: MoreRouters,
    dryRun: Type.Optional(Type.Literal(true)),
    violations: Type.Optional(Type.Array(FaultReply)),
    keysShown: Type.Optional(Type.Literal(true)),
  },
  { ...closed, $id: "Applied" },
);

const DryRunReply = Type.Object(
  {
    dryRun: Type.Literal(true),
    resource: Type.Optional(Type.Unknown({ description: "As it would be." })),
    routers: Type.Array(RouterDiffReply),
    moreRouters: MoreRouters,
    violations: Type.Array(FaultReply, { description: "Empty: a change that breaks a rule is answered as an error." }),
  },
  { ...closed, $id: "DryRun" },
);

export const EventReply = Type.Object(
  {
    id: Type.Integer(),
    at: Time,
    level: Type.Enum(["INFO", "WARN", "CRITICAL"]),
    code: Word,
    message: Type.String(),
    subject: Type.Optional(Named),
  },
  { ...closed, $id: "Event" },
);

const Values = nullable(Type.Record(Type.String(), Type.Unknown()));

export const AuditReply = Type.Object(
  {
    id: Type.Integer(),
    at: Time,
    user: Type.String(),
    role: Type.String(),
    via: Type.Enum(["session", "token", "system"]),
    address: Type.String(),
    action: Type.String(),
    revision: Type.Integer(),
    changes: Type.Array(
      Type.Object(
        { kind: Type.Enum(Object.keys(SPECS)), id: Id, name: Type.String(), before: Values, after: Values },
        closed,
      ),
    ),
  },
  { ...closed, $id: "AuditEntry" },
);

export const RouteReply = Type.Object(
  {
    component: Type.String({ description: "Id of the CEN, or of the CCN that is attached to none." }),
    prefix: Type.String(),
    origin: Type.Object({ kind: Type.Enum(["instance", "vpc", "vbr"]), id: Id, name: Type.String() }, closed),
    published: Type.Boolean({
      description:
        "Not withdrawn: others have a route to it, to one of a branch while that is activated and not locked.",
    }),
    conflicts: Type.Array(
      Type.Object({ kind: Type.String(), id: Id, name: Type.String(), prefix: Type.String() }, closed),
    ),
  },
  { ...closed, $id: "Route" },
);

const ReadyReply = Type.Object(
  {
    ready: Type.Boolean(),
    links: Type.Array(
      Type.Object(
        {
          link: Type.Enum(["device", "instance", "ccn", "cen", "vpc", "security-group"]),
          ok: Type.Boolean(),
          code: Word,
          message: Type.String(),
          next: Type.String(),
        },
        closed,
      ),
      { description: "In the order of the chain; the first that is not ok is the one to mend." },
    ),
  },
  { ...closed, $id: "Ready" },
);

const KeyReply = Type.Object(
  {
    serial: Type.String(),
    generation: Type.Integer(),
    key: Type.Optional(Type.String({ description: "Shown this once." })),
    keysShown: Type.Optional(Type.Literal(true)),
  },
  { ...closed, $id: "DeviceKey" },
);

/** By their names in the document. */
export const SHARED: readonly TSchema[] = [
  ErrorReply,
  ...Object.values(RESOURCES),
  NewDevice,
  ...CREATED,
  RouterDiffReply,
  AppliedReply,
  DryRunReply,
  EventReply,
  AuditReply,
  RouteReply,
  ReadyReply,
  KeyReply,
];
