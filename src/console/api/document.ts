/** The OpenAPI 3.1 document of all routes that are registered after this: ours and those of other parts of the console. */
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { SHARED } from "./replies.ts";

export async function documentApi(app: FastifyInstance): Promise<void> {
  for (const schema of SHARED) app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "vcpe console",
        version: "1",
        description:
          "Areas, access points, instances, CCNs, CENs, VPCs, leased lines and security groups; what becomes of them on routers, and what is seen of those. Every write of these takes ?dryRun=true.",
      },
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer", description: "vcpe_…, from POST /v1/tokens." },
          session: { type: "apiKey", in: "cookie", name: "__Host-vcpe", description: "From POST /v1/login." },
        },
      },
      security: [{ token: [] }, { session: [] }],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => (json.$id as string | undefined) ?? `def-${i}` },
    transform: ({ schema, url, route }) => {
      const role = route.config?.role;
      const open = role === "public" ? { security: [] } : {};
      return { schema: { ...schema, ...open, ...(role && { "x-role": role }) }, url };
    },
  });
}
