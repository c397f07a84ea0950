/** The datapath: what the TUN device and the sockets can do here, and what encrypts. Loads foreign functions. */
import { chooseEngines } from "../../datapath/choose.ts";
import { bestBuild, loadModule } from "../../datapath/module.ts";
import { ALL_OFFLOADS, type Offload, Offloads } from "../../datapath/offload.ts";
import type { EngineWishes } from "../../datapath/plane.ts";
import { closeSockets, openSockets } from "../../datapath/sockets.ts";
import { Trial } from "../../datapath/trial.ts";
import { libcrypto } from "../../linux/ffi.ts";
import { closeTun } from "../../linux/tun.ts";
import { closeUdp, openUdp } from "../../linux/udp.ts";
import type { RouterConfig } from "../config/config.ts";
import { planeOptions } from "../open.ts";
import { type Check, failedBy, failure, ok, warning } from "./check.ts";

export interface Datapath {
  readonly checks: readonly Check[];
  /** "on", or "off: " and why. */
  readonly uso: string;
}

/** `running`: names of the routers that run here; they hold the ports. */
export function datapathChecks(config: RouterConfig | undefined, running: readonly string[]): Datapath {
  const offloads = new Offloads(config?.offload ?? ALL_OFFLOADS);
  const tun = tunCheck(offloads);
  const checks = [
    tun,
    socketCheck(offloads),
    ...(config ? [portsCheck(config, running)] : []),
    ...engineChecks(config?.engines),
  ];
  return { checks, uso: offloads.states().uso };
}

/** Makes a TUN device as a router does, for a moment. */
function tunCheck(offloads: Offloads): Check {
  const check = "TUN device";
  try {
    for (const queue of offloads.openTun(`vcpe-dr${process.pid % 1e7}`, 1).queues) closeTun(queue);
  } catch (error) {
    return failedBy(check, error);
  }
  return states(check, offloads, ["tso", "uso", "coalesce"], "A newer kernel takes larger bites: Linux 6.2 and later.");
}

function socketCheck(offloads: Offloads): Check {
  const check = "UDP sockets";
  try {
    const socket = openUdp({ family: 4, port: 0 });
    offloads.prepareSocket(socket.fd);
    closeUdp(socket);
  } catch (error) {
    return failedBy(check, error);
  }
  return states(check, offloads, ["gso", "gro"], "Another kernel sends and receives many datagrams at once.");
}

/** What was switched off by the configuration is no fault. */
function states(check: string, offloads: Offloads, which: readonly Offload[], next: string): Check {
  const all = offloads.states();
  const says = `${which.map((offload) => `${offload} ${all[offload]}`).join(", ")}.`;
  const lacks = which.some((offload) => all[offload] !== "on" && all[offload] !== "off: by configuration");
  return lacks ? warning(check, says, next) : ok(check, says);
}

function portsCheck(config: RouterConfig, running: readonly string[]): Check {
  const check = "ports";
  const { ikePort, natPort } = config.outer;
  try {
    closeSockets(openSockets(planeOptions(config)));
    return ok(check, `UDP ${ikePort} and ${natPort} are free.`);
  } catch (error) {
    const taken = (error as { readonly code?: string }).code === "port-taken";
    if (!taken || running.length === 0) return failedBy(check, error);
    if (running.includes(config.name))
      return ok(check, `UDP ${ikePort} and ${natPort} are held; router ${config.name} runs.`);
    return warning(
      check,
      `UDP ${ikePort} or ${natPort} is held, perhaps by a router that runs here: ${running.join(", ")}.`,
      "Two routers on one host need different ports, or different addresses (outer).",
    );
  }
}

function engineChecks(wishes: EngineWishes | undefined): Check[] {
  const crypto = libcrypto();
  const native = crypto
    ? ok("native AES", `The native engine runs on ${crypto.version}.`)
    : warning(
        "native AES",
        "This Node.js exports no libcrypto, so AES-GCM is done in WebAssembly, at a third of the speed.",
        "Start vcpe by its launcher, which brings Node.js 26.",
      );
  try {
    const build = bestBuild();
    const wasm =
      build === "relaxed"
        ? ok("WebAssembly", "The build with relaxed SIMD runs here.")
        : warning(
            "WebAssembly",
            "This JavaScript engine has no relaxed SIMD; the plain build does AES-GCM about 9 % slower.",
            "Start vcpe by its launcher, which brings Node.js 26.",
          );
    return [native, wasm, engines(wishes)];
  } catch (error) {
    return [native, failure("WebAssembly", (error as Error).message, "Build it: npm run build.")];
  }
}

/** Each must give a known answer; the quicker one is taken, as at a router's start. */
function engines(wishes: EngineWishes | undefined): Check {
  const check = "engines";
  const trial = new Trial(loadModule());
  try {
    const chosen = chooseEngines(trial, wishes);
    return ok(
      check,
      `${Object.entries(chosen)
        .map((pair) => pair.join(" "))
        .join(", ")}.`,
    );
  } catch (error) {
    return failedBy(check, error);
  } finally {
    trial.close();
  }
}
