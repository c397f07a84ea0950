/**
 * Opens the datapath: the shared memory, the engines, the sockets, the workers. What stands on them is in opened.ts; here is
 * only the order.
 */

import { G_OFFLOAD, MAX_TUNS, OFFLOAD_GSO, SOCKET_NAT4, SOCKET_NAT6 } from "../../assembly/layout.ts";
import { allowedCpus } from "../linux/affinity.ts";
import { raiseFiles } from "../linux/files.ts";
import { chooseEngines, nativeFrom } from "./choose.ts";
import { Commands } from "./commands.ts";
import type { Engines, NativeFrom } from "./engine.ts";
import { adviseTables, makeMemory } from "./memory.ts";
import { PAUSE } from "./moderation.ts";
import { loadModule } from "./module.ts";
import { ALL_OFFLOADS, Offloads } from "./offload.ts";
import { OpenPlane } from "./opened.ts";
import type { Plane, PlaneOptions } from "./plane.ts";
import { WAITING } from "./shapes.ts";
import { closeSockets, openSockets, type Sockets } from "./sockets.ts";
import { Trial } from "./trial.ts";

/** Files beside the TUN devices'. */
const OTHER_FILES = 1024;

/**
 * Opens the datapath; resolves when every worker is in its loop.
 *
 * @throws PlaneError not-built, limits, engine, worker; LinuxError port-taken, address-not-here, not-permitted …; nothing is left open
 */
export async function openPlane(options: PlaneOptions): Promise<Plane> {
  const module = loadModule();
  // A descriptor for each queue of a TUN device, and for sockets, Node.js and the status API.
  raiseFiles(MAX_TUNS * options.workers + OTHER_FILES);
  const memory = makeMemory({ ...options, shaper: options.shaper ?? WAITING });
  const hugePages = adviseTables(memory);
  const { engines, from } = tryEngines(module, options);
  const sockets = openSockets(options);
  const offloads = prepareSockets(sockets, options);
  memory.view.setUint32(G_OFFLOAD, offloads.isOn("gso") ? OFFLOAD_GSO : 0, true);
  const commands: Commands[] = [];
  let plane: OpenPlane | undefined;
  try {
    for (let worker = 0; worker < options.workers; worker++) commands.push(new Commands());
    const cpus = options.pin ? allowedCpus() : undefined;
    const pause = options.moderation ?? PAUSE;
    plane = new OpenPlane({ memory, hugePages, module, sockets, commands, engines, from, offloads, cpus, pause });
    await plane.start();
    return plane;
  } catch (error) {
    if (plane !== undefined) await plane.close();
    else {
      for (const one of commands) one.close();
      closeSockets(sockets);
    }
    throw error;
  }
}

/** Chooses the engines, and warms up what they run. @throws PlaneError engine, limits */
function tryEngines(module: WebAssembly.Module, options: PlaneOptions): { engines: Engines; from: NativeFrom } {
  const trial = new Trial(module);
  try {
    const engines = chooseEngines(trial, options.engines);
    return { engines, from: nativeFrom(trial, engines, options.engines) };
  } finally {
    trial.close();
  }
}

/** Probes the offloads on the sockets that carry ESP. */
function prepareSockets(sockets: Sockets, options: PlaneOptions): Offloads {
  const offloads = new Offloads(options.offload ?? ALL_OFFLOADS);
  for (const set of sockets.sets) {
    for (const index of [SOCKET_NAT4, SOCKET_NAT6]) {
      const socket = set[index];
      if (socket !== undefined) offloads.prepareSocket(socket.fd);
    }
  }
  return offloads;
}
