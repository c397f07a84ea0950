/** One verdict for the whole chain from the device to the security group. */
import type { FastifyInstance } from "fastify";
import { readiness } from "../model/ready.ts";
import { described, shared } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { existing, Params } from "./resources.ts";

export function readyRoute(app: FastifyInstance, parts: ConsoleParts): void {
  app.get<{ Params: { id: string } }>(
    "/instances/:id/ready",
    described({
      id: "getReadiness",
      summary: "Can hosts of the instance reach a VPC? The first broken link, and what mends it",
      tag: "instances",
      role: "viewer",
      params: Params,
      replies: { 200: shared("Ready", "The verdict.") },
      refusals: [404],
    }),
    async (request) => {
      const { id } = existing(parts, "instance", request.params.id);
      return readiness(parts.desk.intent, id, (device) => parts.fleet.observed(device));
    },
  );
}
