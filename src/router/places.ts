/** Names of places that the router and those who talk to it share. */
import { join } from "node:path";

/** Holds one folder for each router. */
export const RUN_FOLDER = "/run/vcpe";

/** Holds one folder for each router without a console: what must outlive a restart of the host. */
export const STATE_FOLDER = "/var/lib/vcpe/router";

/** The status socket of a router. */
export function socketOf(name: string, root = RUN_FOLDER): string {
  return join(root, name, "status.sock");
}
