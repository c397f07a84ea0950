/** Tables of users, sessions and API tokens. Passwords, session ids and tokens are kept as hashes only. */
import type { Migration } from "../store/database.ts";

export const AUTH_MIGRATIONS: readonly Migration[] = [
  {
    name: "auth-1",
    sql: `
      CREATE TABLE user (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        password TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        must_change INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL,
        last_login INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE session (
        hash BLOB PRIMARY KEY,
        user TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
        created INTEGER NOT NULL,
        seen INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX session_user ON session (user, created);
      CREATE TABLE token (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        user TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
        name TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        created INTEGER NOT NULL,
        expires INTEGER,
        used INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX token_user ON token (user);
    `,
  },
  {
    name: "auth-2",
    sql: `
      -- The token that made it, and with which it goes; null: a session did.
      ALTER TABLE token ADD COLUMN parent TEXT REFERENCES token (id) ON DELETE CASCADE;
      CREATE INDEX token_parent ON token (parent);
    `,
  },
  {
    name: "auth-3",
    sql: `
      -- See auth/addresses.ts. at: of the latest login.
      CREATE TABLE login_address (address TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE INDEX login_address_at ON login_address (at);
    `,
  },
];
