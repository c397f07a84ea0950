/** Routes: where each prefix comes from, whether it is published, and what stands against it. */
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { Draft } from "../desk/draft.ts";
import { ConsoleError } from "../error.ts";
import { Cidr } from "../model/field.ts";
import { directoryOf } from "../model/lineage.ts";
import type { Resource, Written } from "../model/resources.ts";
import { routesOf } from "../model/routes.ts";
import { checkIfMatch, etagOf } from "./etag.ts";
import { DryRun, described, either } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { perform } from "./perform.ts";
import { RouteReply } from "./replies.ts";
import { existing, specOf } from "./resources.ts";

type Origin = "instance" | "vpc" | "vbr";

const Text = Type.Optional(Type.String({ minLength: 1, maxLength: 128 }));
const Query = Type.Object({ component: Text, cen: Text, ccn: Text, instance: Text }, { additionalProperties: false });
type Query = { readonly [K in "component" | "cen" | "ccn" | "instance"]?: string };

const Body = Type.Object(
  {
    kind: Type.Enum(["instance", "vpc", "vbr"]),
    id: Type.String({ minLength: 1, maxLength: 128, description: "Id or name." }),
    prefix: Cidr,
  },
  { additionalProperties: false, examples: [{ kind: "instance", id: "hangzhou", prefix: "172.16.0.0/24" }] },
);

export function routeRoutes(app: FastifyInstance, parts: ConsoleParts): void {
  app.get<{ Querystring: Query }>(
    "/routes",
    described({
      id: "listRoutes",
      summary: "Lists routes: of all components, or of one, named by itself or by what belongs to it",
      tag: "routes",
      role: "viewer",
      query: Query,
      replies: { 200: Type.Object({ items: Type.Array(RouteReply) }, { description: "By prefix." }) },
      refusals: [404],
    }),
    async (request) => {
      const component = componentIn(parts, request.query);
      return { items: component === null ? [] : routesOf(parts.desk.intent, component) };
    },
  );
  for (const act of ["publish", "withdraw"] as const) {
    app.post<{ Body: { readonly kind: Origin; readonly id: string; readonly prefix: string } }>(
      `/routes/${act}`,
      described({
        id: `${act}Route`,
        summary: act === "publish" ? "Publishes a prefix to its component" : "Withdraws a prefix from its component",
        tag: "routes",
        role: "operator",
        query: DryRun,
        body: Body,
        ifMatch: "optional",
        repeatable: true,
        replies: { 200: either("Its origin after it; or a dry run.", "Instance", "Vpc", "Vbr", "DryRun") },
        refusals: [404, 409, 412, 422],
      }),
      (request, reply) => {
        let after: Resource;
        return perform(parts, request, reply, {
          action: `${act} route`,
          plan: (intent) => {
            const { kind, id, prefix } = request.body;
            const before = existing(parts, kind, id) as Resource<Origin>;
            checkIfMatch(request.headers["if-match"], before, false);
            const draft = new Draft(parts.desk, intent);
            const withdrawn = withdrawnAfter(before, prefix, act === "withdraw");
            after = draft.update(before, { ...specOf(before), withdrawn } as Written<Origin>);
            return draft.changes();
          },
          preview: () => ({ resource: after }),
          answer: () => ({ status: 200, body: after, etag: etagOf(after.version) }),
        });
      },
    );
  }
}

/** undefined: all; null: what is named is bound to nothing. */
function componentIn(parts: ConsoleParts, { component, cen, ccn, instance }: Query): string | null | undefined {
  const directory = directoryOf(parts.desk.intent);
  if (instance !== undefined) return directory.componentOf(existing(parts, "instance", instance));
  if (ccn !== undefined) return directory.componentOfCcn(existing(parts, "ccn", ccn).id);
  if (cen !== undefined) return existing(parts, "cen", cen).id;
  return component;
}

/** @throws ConsoleError 422: the prefix is not this resource's */
function withdrawnAfter(origin: Resource<Origin>, prefix: string, withdraw: boolean): boolean | string[] {
  const own = origin.kind === "vpc" ? [origin.cidr] : origin.kind === "instance" ? origin.cidrs : origin.prefixes;
  if (!own.includes(prefix)) {
    throw new ConsoleError(
      422,
      "unknown-prefix",
      `${prefix} is no prefix of ${origin.name}`,
      own.length > 0 ? `It has ${own.join(", ")}` : "It has none",
      { path: "prefix" },
    );
  }
  if (origin.kind === "vpc") return withdraw;
  const others = origin.withdrawn.filter((one) => one !== prefix);
  return withdraw ? [...others, prefix] : others;
}
