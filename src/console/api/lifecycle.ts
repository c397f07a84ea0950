/** What is done to an instance as a whole: activate, lock, unlock. */
import type { FastifyInstance } from "fastify";
import { Draft } from "../desk/draft.ts";
import type { Resource, Written } from "../model/resources.ts";
import { checkIfMatch, etagOf } from "./etag.ts";
import { DryRun, described, either } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { perform } from "./perform.ts";
import { existing, Params, specOf } from "./resources.ts";

const ACTS: Readonly<Record<string, { readonly summary: string; readonly keys: Partial<Written<"instance">> }>> = {
  activate: { summary: "Activates an instance: its devices get their tunnels", keys: { activated: true } },
  lock: { summary: "Locks an instance: its devices lose their tunnels", keys: { locked: true } },
  unlock: { summary: "Unlocks an instance", keys: { locked: false } },
};

export function lifecycleRoutes(app: FastifyInstance, parts: ConsoleParts): void {
  for (const [act, { summary, keys }] of Object.entries(ACTS)) {
    app.post<{ Params: { id: string } }>(
      `/instances/:id/${act}`,
      described({
        id: `${act}Instance`,
        summary,
        tag: "instances",
        role: "operator",
        params: Params,
        query: DryRun,
        ifMatch: "optional",
        repeatable: true,
        replies: { 200: either("Done, or it was so; or a dry run.", "Instance", "DryRun") },
        refusals: [404, 409, 412, 422],
      }),
      (request, reply) => {
        let after: Resource;
        return perform(parts, request, reply, {
          action: `${act} instance`,
          plan: (intent) => {
            const before = existing(parts, "instance", request.params.id);
            checkIfMatch(request.headers["if-match"], before, false);
            const draft = new Draft(parts.desk, intent);
            after = draft.update(before, { ...specOf(before), ...keys } as Written<"instance">);
            return draft.changes();
          },
          preview: () => ({ resource: after }),
          answer: () => ({ status: 200, body: after, etag: etagOf(after.version) }),
        });
      },
    );
  }
}
