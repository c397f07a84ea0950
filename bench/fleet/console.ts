/** Child of bench fleet: a console with nothing but its fleet, over real TLS, on the real store. */

import type { Server } from "node:https";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { pino } from "pino";
import { openAuthority } from "../../src/console/ca/ca.ts";
import { httpsOptions } from "../../src/console/ca/https.ts";
import { openFleet } from "../../src/console/fleet/fleet.ts";
import { FLEET_MIGRATIONS } from "../../src/console/fleet/migrations.ts";
import { openDatabase } from "../../src/console/store/database.ts";
import { deviceName } from "../../src/protocol/name.ts";
import { RegionDesk } from "./desk.ts";
import type { FromConsole, ToConsole } from "./talk.ts";

const [folder, edges] = process.argv.slice(2);
const say = (message: FromConsole) => void process.send?.(message);

const authority = await openAuthority(join(folder, "ca"));
const desk = new RegionDesk(Number(edges));
const database = openDatabase(join(folder, "console.db"), FLEET_MIGRATIONS);
const fleet = openFleet(database, { desk, authority, log: pino({ level: "error" }) });
const app = Fastify({ https: await httpsOptions(authority, ["127.0.0.1"]) }) as unknown as FastifyInstance;
await fleet.register(app);
await app.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
fleet.attach(app.server as unknown as Server);

process.on("message", async (message: ToConsole) => {
  if (message.do === "issue") {
    const chains: string[][] = [];
    for (const serial of message.serials) {
      chains.push((await authority.issueDevice(message.csr, deviceName(serial, 1))).chain);
    }
    say({ is: "issued", chains });
  } else if (message.do === "key") say({ is: "key", key: fleet.newKey(message.serial) });
  else {
    const at = process.hrtime.bigint();
    const version = desk.change(message.edges);
    say({ is: "changed", version, at: String(at) });
  }
});
process.on("disconnect", () => process.exit(0));
const { port } = app.server.address() as { port: number };
say({ is: "up", url: `https://127.0.0.1:${port}`, root: authority.root });
