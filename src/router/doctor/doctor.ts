/** `vcpe doctor`: can a router run on this host, and with all that makes it quick? Looks only; a TUN device is made for a moment. */
import type { RouterConfig } from "../config/config.ts";
import { type Check, failure, ok } from "./check.ts";
import { machineChecks } from "./machine.ts";

/** `config`: also what concerns it; `running`: names of the routers that run here. In the order in which things are needed. */
export async function examine(config: RouterConfig | undefined, running: readonly string[]): Promise<Check[]> {
  const checks = await machineChecks(config);
  try {
    await import("../../linux/ffi.ts");
    checks.push(ok("koffi", "Foreign functions can be called."));
  } catch (error) {
    const says = `Foreign functions cannot be called: ${(error as Error).message.split("\n")[0]}`;
    checks.push(
      failure("koffi", says, "Install the packages anew (npm ci); TUN, sockets and engines could not be looked at."),
    );
    return checks;
  }
  const { datapathChecks } = await import("./datapath.ts");
  const datapath = datapathChecks(config, running);
  checks.push(...datapath.checks);
  if (config) {
    const [{ lanChecks }, { linuxHost }] = await Promise.all([import("./lan.ts"), import("../host.ts")]);
    checks.push(...(await lanChecks(config, linuxHost(), datapath.uso)));
  }
  return checks;
}
