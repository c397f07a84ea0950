/** A console's fleet over real TLS on the loopback, with a fake desk. */
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll } from "vitest";
import { answerFailures } from "../../../../src/console/api/failure.ts";
import { type Authority, openAuthority } from "../../../../src/console/ca/ca.ts";
import { httpsOptions } from "../../../../src/console/ca/https.ts";
import { type Fleet, openFleet } from "../../../../src/console/fleet/fleet.ts";
import { FLEET_MIGRATIONS } from "../../../../src/console/fleet/migrations.ts";
import { openDatabase } from "../../../../src/console/store/database.ts";
import { silent } from "../../router/silent.ts";
import { FakeDesk } from "./fakedesk.ts";

export interface Bed {
  readonly desk: FakeDesk;
  readonly authority: Authority;
  readonly fleet: Fleet;
  readonly app: FastifyInstance;
  readonly database: DatabaseSync;
  readonly url: URL;
  /** Added to the clock of the console, milliseconds. */
  ahead: number;
  close(): Promise<void>;
}

const folders: string[] = [];
const open: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of open) await close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "vcpe-fleet-"));
  folders.push(folder);
  return folder;
}

/** A certificate that was brought along, and its roots. */
export interface Brought {
  readonly key: string;
  readonly cert: string;
  readonly roots: readonly string[] | null;
}

/** `folder`, `desk`: of a console from before, that starts again. */
export async function bed(
  options: { folder?: string; desk?: FakeDesk; port?: number; brought?: Brought } = {},
): Promise<Bed> {
  const { folder = temporary(), desk = new FakeDesk(), port = 0, brought } = options;
  const clock = { ahead: 0 };
  const now = () => Date.now() + clock.ahead;
  const authority = await openAuthority(join(folder, "ca"));
  const database = openDatabase(join(folder, "console.db"), FLEET_MIGRATIONS);
  const fleet = openFleet(database, { desk, authority, log: silent, now, ...(brought && { server: brought.roots }) });
  const https = await httpsOptions(authority, ["localhost", "127.0.0.1"], brought);
  const app = Fastify({ https, forceCloseConnections: true }) as unknown as FastifyInstance;
  answerFailures(app, silent);
  await fleet.register(app);
  await app.listen({ host: "127.0.0.1", port });
  fleet.attach(app.server as unknown as Server);
  const address = app.server.address() as { port: number };
  let closed = false;
  const made: Bed = {
    desk,
    authority,
    fleet,
    app,
    database,
    url: new URL(`https://localhost:${address.port}`),
    get ahead() {
      return clock.ahead;
    },
    set ahead(ms) {
      clock.ahead = ms;
    },
    async close() {
      if (closed) return;
      closed = true;
      await fleet.close();
      await app.close();
      database.close();
    },
  };
  open.push(() => made.close());
  return made;
}

/** Waits until something is so; throws after `limit` milliseconds. */
export async function until(what: () => boolean, limit = 20_000): Promise<void> {
  const end = performance.now() + limit;
  while (!what()) {
    if (performance.now() > end) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
