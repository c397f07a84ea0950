/** Headers that every reply of the console carries, whatever the route says. A page may loosen the policy for itself. */
import type { FastifyInstance } from "fastify";

/** Nothing that comes from here may be framed, or load anything: replies of the API are data. */
const POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Seconds: one year. */
const HSTS = "max-age=31536000";

export function addHeaders(app: FastifyInstance, secure: boolean): void {
  app.addHook("onRequest", async (_request, reply) => {
    if (secure) reply.header("strict-transport-security", HSTS);
    reply
      .header("x-content-type-options", "nosniff")
      .header("x-frame-options", "DENY")
      .header("content-security-policy", POLICY)
      .header("referrer-policy", "no-referrer")
      .header("cross-origin-resource-policy", "same-origin")
      .header("cross-origin-opener-policy", "same-origin")
      .header("cache-control", "no-store");
  });
}
