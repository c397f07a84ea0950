/** A console on a real file, for a test that kills it: says on which port it listens. */
import { openRig } from "./rig.ts";

const { app } = await openRig(process.argv[2]);
await app.listen({ host: "127.0.0.1", port: 0 });
process.send!((app.server.address() as { port: number }).port);
process.on("disconnect", () => process.exit());
