/**
 * The UDP sockets of the datapath: for each worker its own set on the same two ports, in both families. With several workers
 * the kernel gives each ESP datagram to the worker that its SA belongs to, and everything else to worker 0.
 */

import { SOCKET_IKE4, SOCKET_IKE6, SOCKET_NAT4, SOCKET_NAT6, SOCKETS } from "../../assembly/layout.ts";
import { LinuxError } from "../linux/error.ts";
import { bySpi, selectSocket, TO_FIRST } from "../linux/reuseport.ts";
import { checkPortFree, closeUdp, type Family, openUdp, type UdpOptions, type UdpSocket } from "../linux/udp.ts";
import type { PlaneOptions } from "./plane.ts";

/** Bytes of kernel buffer each way: some 50 ms of full-size packets at 1 Gbit/s, for the time that a worker is not on a core. */
const BUFFER = 8 << 20;

/** How often a pair of free ports is looked for when any will do; the other family may hold the number that one got. */
const TRIES = 16;

/** What of PlaneOptions concerns the sockets. */
export type SocketOptions = Pick<PlaneOptions, "workers" | "ikePort" | "natPort" | "bind4" | "bind6">;

/** One worker's sockets by SOCKET_*; undefined: this family is off. */
export type SocketSet = readonly (UdpSocket | undefined)[];

export interface Sockets {
  readonly ikePort: number;
  readonly natPort: number;
  readonly sets: readonly SocketSet[];
}

/**
 * Opens all sockets. An IPv6 (or IPv4) that the kernel does not have is left out where the caller asked for no address of it.
 *
 * @throws LinuxError port-taken, address-not-here, not-permitted, exhausted, unsupported (several workers before Linux 4.5)
 */
export function openSockets(options: SocketOptions): Sockets {
  const any = options.ikePort === 0 || options.natPort === 0;
  for (let tries = 1; ; tries++) {
    try {
      return openOnce(options);
    } catch (error) {
      if (!any || tries === TRIES || !(error instanceof LinuxError) || error.code !== "port-taken") throw error;
    }
  }
}

export function closeSockets(sockets: Sockets): void {
  for (const set of sockets.sets) closeSet(set);
}

function closeSet(set: SocketSet): void {
  for (const socket of set) if (socket !== undefined) closeUdp(socket);
}

function openOnce(options: SocketOptions): Sockets {
  const reusePort = options.workers > 1;
  const ports = { ike: options.ikePort, nat: options.natPort };
  const sets: (UdpSocket | undefined)[][] = [];
  try {
    for (let worker = 0; worker < options.workers; worker++) {
      const set = new Array<UdpSocket | undefined>(SOCKETS).fill(undefined);
      sets.push(set);
      const open = (family: Family, which: "ike" | "nat", index: number): void => {
        const bound = family === 4 ? options.bind4 : options.bind6;
        if (bound === null) return;
        const wanted: UdpOptions = { family, port: ports[which], reusePort, buffer: BUFFER };
        const socket = openOne(bound === undefined ? wanted : { ...wanted, address: bound }, worker === 0);
        if (socket === undefined) return;
        ports[which] = socket.port;
        set[index] = socket;
      };
      open(4, "ike", SOCKET_IKE4);
      open(4, "nat", SOCKET_NAT4);
      open(6, "ike", SOCKET_IKE6);
      open(6, "nat", SOCKET_NAT6);
    }
    if (reusePort) select(sets);
    return { ikePort: ports.ike, natPort: ports.nat, sets };
  } catch (error) {
    for (const set of sets) closeSet(set);
    throw error;
  }
}

/** The sets were bound in order of the workers, so a socket's index in its group is its worker's number. */
function select(sets: readonly SocketSet[]): void {
  sets[0].forEach((socket, index) => {
    const esp = index === SOCKET_NAT4 || index === SOCKET_NAT6;
    if (socket !== undefined) selectSocket(socket.fd, esp ? bySpi(sets.length) : TO_FIRST);
  });
}

function openOne(options: UdpOptions, first: boolean): UdpSocket | undefined {
  try {
    if (first && options.reusePort && options.port !== 0) checkPortFree(options);
    return openUdp(options);
  } catch (error) {
    if (options.address === undefined && error instanceof LinuxError && error.code === "unsupported") return undefined;
    throw error;
  }
}
