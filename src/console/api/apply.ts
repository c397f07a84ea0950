/**
 * A whole site in one request and one transaction. Resources are known by kind and name; what exists is changed where it differs, what
 * does not is created. A key that is absent stays as it is (at creation: its default); null sets it back. References may name other
 * resources of the request, in any order.
 */
import type { FastifyInstance } from "fastify";
import type { Finding } from "../../router/config/problem.ts";
import { Draft, type OwnKind } from "../desk/draft.ts";
import { ConsoleError, type Fault, refusal } from "../error.ts";
import type { Change, Intent } from "../model/intent.ts";
import type { Resource, Written } from "../model/resources.ts";
import { WORDS } from "../model/word.ts";
import { APPLY_LIMIT } from "./json.ts";
import { DryRun, described, shared } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { perform } from "./perform.ts";
import { specOf } from "./resources.ts";
import { type Applied, ApplyBody, checkSpec, merged, OWN_KINDS } from "./specs.ts";
import { faultOf } from "./validation.ts";

interface Request {
  readonly resources: readonly Applied[];
  readonly prune?: boolean;
}

/** What a request makes of the intent. */
interface Planned {
  readonly changes: readonly Change[];
  readonly unchanged: number;
  /** Index in the request by id. */
  readonly places: ReadonlyMap<string, number>;
}

export function applyRoute(app: FastifyInstance, parts: ConsoleParts): void {
  app.post<{ Body: Request }>(
    "/apply",
    described({
      id: "apply",
      summary: "Makes the resources as they are written, all or none",
      tag: "apply",
      role: "operator",
      query: DryRun,
      body: ApplyBody,
      repeatable: true,
      bodyLimit: APPLY_LIMIT,
      replies: { 200: shared("Applied", "Done; or a dry run.") },
      refusals: [409, 422],
    }),
    (request, reply) => {
      let planned: Planned | undefined;
      const told = (changes: readonly Change[]) => ({ ...summary(changes), unchanged: planned!.unchanged });
      return perform(parts, request, reply, {
        action: "apply",
        withRouters: true,
        plan: (intent) => {
          planned = plan(parts, intent, request.body);
          return planned.changes;
        },
        locate: (fault) => place(fault, planned?.places),
        preview: ({ changes }, devices) => ({ ...told(changes), devices }),
        answer: ({ changes, devices, concerned }) => ({
          status: 200,
          body: { ...told(changes), devices, ...concerned },
        }),
      });
    },
  );
}

function plan({ desk }: ConsoleParts, intent: Intent, { resources, prune = false }: Request): Planned {
  const draft = new Draft(desk, intent);
  const places = new Map<string, number>();
  const olds = resources.map(({ kind, name }) => named(draft, kind, name));
  const specs = resources.map((resource, index) => written(olds[index], resource));
  const findings = resources.flatMap(({ kind }, index) => checkSpec(kind, specs[index], ["resources", index]));
  findings.push(...repeated(resources));
  if (findings.length > 0) throw refusal(findings.map(faultOf), 400);
  const ids = resources.map(({ kind, name }, index) => olds[index]?.id ?? draft.reserve(kind, name));
  for (const [index, id] of ids.entries()) places.set(id, index);
  // What is referred to is made first; within a kind the order of the request stays.
  for (const kind of OWN_KINDS) {
    for (const [index, resource] of resources.entries()) {
      if (resource.kind !== kind) continue;
      const old = olds[index];
      try {
        if (old) draft.update(old, specs[index] as Written<OwnKind>);
        else draft.create(kind, specs[index] as Written<OwnKind>, ids[index]);
      } catch (error) {
        throw at(error, index);
      }
    }
  }
  if (prune) {
    // Rules that are in the request keep their group: without it they would go unasked, and it is refused instead.
    for (const kind of OWN_KINDS) {
      for (const resource of intent[kind].values()) {
        if (!places.has(resource.id)) draft.remove(resource, { alone: true });
      }
    }
  }
  const changes = draft.changes();
  const touched = new Set(changes.map(({ id }) => id));
  return { changes, unchanged: ids.filter((id) => !touched.has(id)).length, places };
}

function named(draft: Draft, kind: OwnKind, name: string): Resource<OwnKind> | undefined {
  const found = draft.find(kind, name) as Resource<OwnKind> | undefined;
  return found?.name === name ? found : undefined;
}

function written(old: Resource | undefined, { kind: _, ...spec }: Applied): unknown {
  return merged(old ? specOf(old) : {}, spec);
}

/** Two of the same kind and name. */
function repeated(resources: readonly Applied[]): Finding[] {
  const first = new Map<string, number>();
  return resources.flatMap(({ kind, name }, index): Finding[] => {
    const key = `${kind} ${name}`;
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, index);
      return [];
    }
    const message = `${WORDS[kind].one} "${name}" stands in the request twice, at resources[${earlier}] too`;
    const next = "Leave one of them out, or rename it";
    return [{ severity: "error", code: "duplicate", path: ["resources", index, "name"], message, next }];
  });
}

function place({ id, path }: Fault, places: ReadonlyMap<string, number> | undefined): string {
  const index = id === undefined ? undefined : places?.get(id);
  if (index === undefined) return path;
  return path === "" ? `resources[${index}]` : `resources[${index}].${path}`;
}

function at(error: unknown, index: number): unknown {
  if (!(error instanceof ConsoleError)) return error;
  const { status, code, message, next, path } = error;
  return new ConsoleError(status, code, message, next, {
    path: path ? `resources[${index}].${path}` : `resources[${index}]`,
  });
}

/** Devices are told by themselves. */
function summary(changes: readonly Change[]): { created: object[]; updated: object[]; deleted: object[] } {
  const told = changes.filter(({ kind }) => kind !== "device");
  const name = (resource: Resource) => ({ kind: resource.kind, id: resource.id, name: resource.name });
  return {
    created: told.flatMap(({ before, after }) => (after && !before ? [name(after)] : [])),
    updated: told.flatMap(({ before, after }) => (after && before ? [name(after)] : [])),
    deleted: told.flatMap(({ before, after }) => (before && !after ? [name(before)] : [])),
  };
}
