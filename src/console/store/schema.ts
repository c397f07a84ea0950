/** Tables of the store. A resource is one row with its spec as JSON; the columns are what the store itself must know. */
import type { Migration } from "./database.ts";

export const STORE_MIGRATIONS: readonly Migration[] = [
  {
    name: "store-1",
    sql: `
      CREATE TABLE resource (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        created TEXT NOT NULL,
        updated TEXT NOT NULL,
        spec TEXT NOT NULL,
        PRIMARY KEY (kind, id),
        UNIQUE (kind, name)
      ) STRICT, WITHOUT ROWID;

      -- One row: how many changes the intent has seen.
      CREATE TABLE revision (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL) STRICT;
      INSERT INTO revision VALUES (1, 0);

      -- For each router the revision that last changed its parts, and a fingerprint of them.
      CREATE TABLE router (id TEXT PRIMARY KEY, version INTEGER NOT NULL, fingerprint INTEGER NOT NULL) STRICT, WITHOUT ROWID;

      CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        user TEXT NOT NULL,
        role TEXT NOT NULL,
        via TEXT NOT NULL,
        address TEXT NOT NULL,
        action TEXT NOT NULL,
        revision INTEGER NOT NULL,
        changes TEXT NOT NULL
      ) STRICT;
      CREATE INDEX audit_user ON audit (user, id);
      CREATE TRIGGER audit_is_not_rewritten BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;
      CREATE TRIGGER audit_is_not_erased BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;

      CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        level TEXT NOT NULL,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        kind TEXT,
        subject TEXT,
        name TEXT
      ) STRICT;
      CREATE INDEX event_level ON event (level, id);
      CREATE INDEX event_subject ON event (subject, id);

      -- Answers to requests with an Idempotency-Key; keys of devices are never in them.
      CREATE TABLE answer (
        user TEXT NOT NULL,
        key TEXT NOT NULL,
        at INTEGER NOT NULL,
        request TEXT NOT NULL,
        status INTEGER NOT NULL,
        location TEXT,
        etag TEXT,
        body TEXT NOT NULL,
        PRIMARY KEY (user, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX answer_at ON answer (at);
    `,
  },
  {
    name: "store-2",
    sql: `
      -- See store/told.ts.
      CREATE TABLE told (id TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
    `,
  },
  {
    name: "store-3",
    sql: `
      -- Access points say which interfaces are for leased lines: those that lines end at already.
      UPDATE resource SET spec = json_set(spec, '$.lineInterfaces', json((
        SELECT json_group_array(name) FROM (
          SELECT DISTINCT line.spec ->> '$.interface' AS name FROM resource AS line
          WHERE line.kind = 'vbr' AND line.spec ->> '$.accessPoint' = resource.id
          ORDER BY name
        )
      )))
      WHERE kind = 'access-point';
    `,
  },
  {
    name: "store-4",
    sql: `
      -- Access points say which network namespaces and VRF devices are for VPCs: those that VPCs are in already.
      UPDATE resource SET spec = json_set(spec,
        '$.vpcNamespaces', json((
          SELECT json_group_array(name) FROM (
            SELECT DISTINCT vpc.spec ->> '$.place.name' AS name FROM resource AS vpc
            WHERE vpc.kind = 'vpc' AND vpc.spec ->> '$.accessPoint' = resource.id AND vpc.spec ->> '$.place.kind' = 'namespace'
            ORDER BY name
          )
        )),
        '$.vpcVrfs', json((
          SELECT json_group_array(name) FROM (
            SELECT DISTINCT vpc.spec ->> '$.place.device' AS name FROM resource AS vpc
            WHERE vpc.kind = 'vpc' AND vpc.spec ->> '$.accessPoint' = resource.id AND vpc.spec ->> '$.place.kind' = 'vrf'
            ORDER BY name
          )
        )))
      WHERE kind = 'access-point';
    `,
  },
  {
    name: "store-5",
    sql: `
      -- See store/audit.ts. stranger: 1 when nobody had logged in for it.
      ALTER TABLE audit ADD COLUMN stranger INTEGER NOT NULL DEFAULT 0;
      DROP TRIGGER audit_is_not_rewritten;
      UPDATE audit SET stranger = 1 WHERE action LIKE 'login-failed %';
      CREATE TRIGGER audit_is_not_rewritten BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;
      DROP TRIGGER audit_is_not_erased;
      CREATE TRIGGER audit_is_not_erased BEFORE DELETE ON audit
        WHEN OLD.stranger = 0 AND OLD.at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-365 days')
        BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;
      CREATE INDEX audit_stranger ON audit (at) WHERE stranger = 1;
    `,
  },
];
