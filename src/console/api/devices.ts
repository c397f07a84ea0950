/**
 * A device's key and host. Both acts raise its generation, so that certificates of the identity that it had are taken no more: `reset-key`
 * makes a new key and the old one is void; `release` keeps the key and lets another host enrol with it.
 */
import type { FastifyInstance } from "fastify";
import { Draft } from "../desk/draft.ts";
import type { Resource, Written } from "../model/resources.ts";
import { checkIfMatch, etagOf } from "./etag.ts";
import { DryRun, described, either } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { perform } from "./perform.ts";
import { existing, Params, specOf } from "./resources.ts";

const ACTS = {
  "reset-key": { id: "resetDeviceKey", summary: "Makes a new key for a device; the old one and its identity are void" },
  release: { id: "releaseDevice", summary: "Lets another host enrol as this device; its present identity is void" },
} as const;

export function deviceRoutes(app: FastifyInstance, parts: ConsoleParts): void {
  for (const [act, { id, summary }] of Object.entries(ACTS)) {
    app.post<{ Params: { id: string } }>(
      `/devices/:id/${act}`,
      described({
        id,
        summary,
        tag: "devices",
        role: "operator",
        params: Params,
        query: DryRun,
        ifMatch: "optional",
        repeatable: true,
        replies: { 200: either("Done; a new key is shown this once. Or a dry run.", "DeviceKey", "DryRun") },
        refusals: [404, 409, 412, 422],
      }),
      (request, reply) => {
        let after: Resource<"device">;
        let key: string | undefined;
        return perform(parts, request, reply, {
          action: `${act} device`,
          plan: (intent) => {
            const before = existing(parts, "device", request.params.id);
            checkIfMatch(request.headers["if-match"], before, false);
            const draft = new Draft(parts.desk, intent);
            const written = { ...specOf(before), generation: before.generation + 1 } as Written<"device">;
            after = draft.update(before, written) as Resource<"device">;
            return draft.changes();
          },
          also: () => {
            if (act === "reset-key") key = parts.fleet.newKey(after.id);
            else parts.fleet.release(after.id);
          },
          preview: () => ({ resource: after }),
          answer: () => ({
            status: 200,
            body: { serial: after.id, generation: after.generation, ...(key !== undefined && { key }) },
            etag: etagOf(after.version),
          }),
        });
      },
    );
  }
}
