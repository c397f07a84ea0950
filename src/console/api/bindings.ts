/** Binding: an instance to a CCN; a CCN, VPC or VBR to a CEN. Each is bound to one at most. */
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { Draft } from "../desk/draft.ts";
import { ConsoleError } from "../error.ts";
import { Ref } from "../model/field.ts";
import { BINDINGS } from "../model/references.ts";
import type { Resource, Written } from "../model/resources.ts";
import { WORDS } from "../model/word.ts";
import { checkIfMatch, etagOf } from "./etag.ts";
import { DryRun, described, either } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { perform } from "./perform.ts";
import { pascal } from "./replies.ts";
import { existing, Params, specOf } from "./resources.ts";

type Bound = keyof typeof BINDINGS;

const closed = { additionalProperties: false } as const;

export function bindingRoutes(app: FastifyInstance, parts: ConsoleParts): void {
  for (const kind of Object.keys(BINDINGS) as Bound[]) {
    for (const act of ["bind", "unbind"] as const) bindingRoute(app, parts, kind, act);
  }
}

function bindingRoute(app: FastifyInstance, parts: ConsoleParts, kind: Bound, act: "bind" | "unbind"): void {
  const key = BINDINGS[kind];
  const { one, many } = WORDS[kind];
  const target = WORDS[key].one;
  const To = Ref(target);
  const Body =
    act === "bind"
      ? Type.Object({ to: To }, { ...closed, examples: [{ to: kind === "instance" ? "branches" : "corp" }] })
      : Type.Union([Type.Object({ to: Type.Optional(To) }, closed), Type.Null()], {
          description: `If \`to\` is there, only from this ${target}.`,
        });
  app.post<{ Params: { id: string }; Body: { readonly to?: string } | null }>(
    `/${many}/:id/${act}`,
    described({
      id: `${act}${pascal(kind)}`,
      summary: act === "bind" ? `Binds a ${one} to a ${target}` : `Unbinds a ${one} from its ${target}`,
      tag: many,
      role: "operator",
      params: Params,
      query: DryRun,
      body: Body,
      ifMatch: "optional",
      repeatable: true,
      replies: { 200: either("Done, or it was so; or a dry run.", pascal(kind), "DryRun") },
      refusals: [404, 409, 412, 422],
    }),
    (request, reply) => {
      let after: Resource;
      return perform(parts, request, reply, {
        action: `${act} ${kind}`,
        plan: (intent) => {
          const before = existing(parts, kind, request.params.id) as Resource<Bound>;
          checkIfMatch(request.headers["if-match"], before, false);
          const draft = new Draft(parts.desk, intent);
          const to = request.body?.to;
          const now = (before as unknown as Readonly<Record<string, string | null>>)[key];
          const wanted = to === undefined ? undefined : (parts.desk.find(key, to)?.id ?? to);
          const has = now === null ? undefined : parts.desk.find(key, now);
          if (act === "bind" && has && now !== wanted)
            throw refused("already-bound", before, `is bound to ${target} ${has.name}`, "Unbind it first");
          if (act === "unbind" && wanted !== undefined && has && now !== wanted)
            throw refused(
              "not-bound",
              before,
              `is not bound to ${target} ${to}`,
              `It is bound to ${target} ${has.name}`,
            );
          const written = { ...specOf(before), [key]: act === "bind" ? to : null } as unknown as Written<Bound>;
          after = draft.update(before, written);
          return draft.changes();
        },
        preview: () => ({ resource: after }),
        answer: () => ({ status: 200, body: after, etag: etagOf(after.version) }),
      });
    },
  );
}

function refused(code: string, { kind, name }: Resource, what: string, next: string): ConsoleError {
  return new ConsoleError(409, code, `${WORDS[kind].one} ${name} ${what}`, next, { path: "to" });
}
