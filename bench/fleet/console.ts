/** Child of bench fleet: a whole console, as `vcpe console` opens it, in the folder and at the port that it is told. */
import { join } from "node:path";
import { pino } from "pino";
import { openAuthority } from "../../src/console/ca/ca.ts";
import { openConsole } from "../../src/console/console.ts";
import { keepHeapSmall } from "../../src/console/heap.ts";
import { deviceName } from "../../src/protocol/name.ts";
import type { FromConsole, ToConsole } from "./talk.ts";

const [folder, port] = process.argv.slice(2);
const say = (message: FromConsole) => void process.send?.(message);

keepHeapSmall();
const begun = performance.now();
const { url, firstPassword } = await openConsole({
  folder,
  listen: { host: "127.0.0.1", port: Number(port) },
  names: ["127.0.0.1"],
  log: pino({ level: "error" }, process.stderr),
});
const ms = performance.now() - begun;
// The same keys once more: ten thousand enrolments over HTTPS are measured by a sample, the others' certificates come by this way.
const authority = await openAuthority(join(folder, "ca"));

process.on("message", async ({ serials, csr }: ToConsole) => {
  const chains: string[][] = [];
  for (const serial of serials) chains.push((await authority.issueDevice(csr, deviceName(serial, 1))).chain);
  say({ is: "issued", chains });
});
process.on("disconnect", () => process.exit(0));
say({ is: "up", url, root: authority.root, configKey: authority.configKey, firstPassword, ms });
