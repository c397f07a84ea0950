/** Between which addresses and ports an IKE SA speaks, RFC 7296 §2.23. */
import type { Path } from "./effect.ts";
import type { IkeEnvironment } from "./environment.ts";
import type { PeerConfig } from "./peer.ts";

/** Port of IKE where the peer's configuration says none. */
const IKE_PORT = 500;
/** Port of IKE and ESP in UDP, where RFC 3948 §2 puts it. */
const NAT_PORT = 4500;

/** Where the first message goes; undefined: this host has no address to send it from. */
export function firstPath(
  environment: IkeEnvironment,
  remote: NonNullable<PeerConfig["remote"]>,
  local: Uint8Array | undefined,
): Path | undefined {
  const { address, port = IKE_PORT } = remote;
  const from = local ?? environment.localAddress(address);
  if (from === undefined) return undefined;
  // Any port but 500 wants the non-ESP marker, so it is spoken to from our NAT port.
  const ours = port === IKE_PORT ? environment.ikePort : environment.natPort;
  return { local: { address: from, port: ours }, remote: { address, port } };
}

/** Where ESP in UDP and all further IKE messages go. */
export function floated(environment: IkeEnvironment, path: Path): Path {
  const { ikePort, natPort } = environment;
  if (path.local.port !== ikePort) return path;
  return {
    local: { address: path.local.address, port: natPort },
    remote: { address: path.remote.address, port: path.remote.port === IKE_PORT ? NAT_PORT : path.remote.port },
  };
}
