/** Tables of the fleet. */
import type { Migration } from "../store/database.ts";

export const FLEET_MIGRATIONS: readonly Migration[] = [
  {
    name: "fleet-1",
    sql: `
      -- One row for each device that has a key. secret: derived from the key, which is not kept.
      -- host, hostname: fingerprint and name of the host that has the identity; null: none.
      -- generation: of the identity that was issued last; 0: none.
      CREATE TABLE enrolment (
        device TEXT PRIMARY KEY,
        secret BLOB NOT NULL,
        host TEXT,
        hostname TEXT,
        generation INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      -- What this console alone knows: the secret of serial numbers that do not exist comes from it.
      CREATE TABLE fleet_secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    `,
  },
  {
    name: "fleet-2",
    sql: `
      -- One row: the number of what was said last of the roots of the console's HTTPS certificate, see fleet/roots.ts.
      CREATE TABLE https_roots (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL) STRICT;
    `,
  },
];
