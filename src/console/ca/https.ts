/** The console's HTTPS server: how it is set up to see certificates of devices, and its own certificate kept fresh. */
import type { Server, ServerOptions } from "node:https";
import type { Authority } from "./ca.ts";

/** How often it is looked whether the certificate must be renewed; milliseconds. */
const LOOK_EVERY = 6 * 3_600_000;

/**
 * Asks every client for a certificate of a device, and takes those that have none: browsers, the CLI. Who comes with one is judged where
 * it matters, by the fleet, which says why it refuses.
 */
export async function httpsOptions(
  authority: Authority,
  names: readonly string[],
  given?: { readonly key: string; readonly cert: string },
): Promise<ServerOptions> {
  const own = given ?? (await authority.serverCertificate(names));
  return { ...own, ca: [authority.deviceRoot], requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.2" };
}

/** Renews the console's own certificate while the server runs. Gives back what ends that. */
export function keepFresh(
  server: Server,
  authority: Authority,
  names: readonly string[],
  failed: (error: unknown) => void,
  every = LOOK_EVERY,
): () => void {
  const look = () => httpsOptions(authority, names).then((fresh) => server.setSecureContext(fresh), failed);
  const timer = setInterval(() => void look(), every);
  timer.unref();
  return () => clearInterval(timer);
}
