/** Paths in the pool (layout: PATH_*): where the datagrams of an SA go, and from where. */

import {
  PATH_INTERFACE,
  PATH_NAME,
  PATH_NAME_LENGTH,
  PATH_SIZE,
  PATH_SOCKET,
  PATH_SOURCE,
  SOCKET_IKE4,
  SOCKET_IKE6,
  SOCKET_NAT4,
  SOCKET_NAT6,
} from "../../assembly/layout.ts";
import { writeSocketName } from "../linux/sockaddr.ts";
import { PlaneError } from "./error.ts";
import type { PlaneMemory } from "./memory.ts";
import type { Outer } from "./plane.ts";
import type { Pool } from "./pool.ts";

/** The socket that datagrams from our port `port` leave by; `ikePort` is the port of IKE alone, all others carry ESP too. */
export function socketFor(family: number, port: number, ikePort: number): number {
  if (family === 4) return port === ikePort ? SOCKET_IKE4 : SOCKET_NAT4;
  return port === ikePort ? SOCKET_IKE6 : SOCKET_NAT6;
}

/** Writes a new path; its address. @throws PlaneError full, invalid */
export function publishPath(memory: PlaneMemory, pool: Pool, outer: Outer, ikePort: number): number {
  const { local, remote } = outer;
  const length = remote.address.length;
  if ((length !== 4 && length !== 16) || local.address.length !== length) {
    throw new PlaneError("invalid", "A tunnel's two outer addresses must both be IPv4 or both IPv6.");
  }
  const address = pool.allocate(PATH_SIZE);
  const { view } = memory;
  view.setUint32(address + PATH_SOCKET, socketFor(length === 4 ? 4 : 6, local.port, ikePort), true);
  view.setUint32(address + PATH_NAME_LENGTH, writeSocketName(view, address + PATH_NAME, remote), true);
  memory.bytes.set(local.address, address + PATH_SOURCE);
  view.setUint32(address + PATH_INTERFACE, 0, true);
  return address;
}
