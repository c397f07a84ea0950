/**
 * UDP sockets as a VPN wants them: each datagram says which of our addresses it came to, and leaves from the one that we
 * choose (ip(7), ipv6(7), udp(7)). Batches go by `recvmmsg` and `sendmmsg` of ffi on memory that the caller laid out;
 * single datagrams, which IKE sends, by `sendDatagram`.
 */

import { failed } from "./error.ts";
import {
  bind,
  close,
  errno,
  getsockname,
  getsockopt,
  type HostAddress,
  hostAddress,
  sendmsg,
  setsockopt,
  socket,
} from "./ffi.ts";
import {
  AF_INET,
  AF_INET6,
  formatSocketName,
  readSocketName,
  SOCKADDR6,
  type SocketName,
  writeSocketName,
} from "./sockaddr.ts";

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IP_MTU_DISCOVER = 10;
const IP_RECVTOS = 13;

const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;
const IPV6_RECVTCLASS = 66;

const SOL_UDP = 17;
const UDP_GRO = 104;

const PMTUDISC_DONT = 0;
const PMTUDISC_DO = 2;

const EMSGSIZE = 90;

export type Family = 4 | 6;

export interface UdpOptions {
  readonly family: Family;
  /** 4 or 16 bytes, of `family`; absent: any address. */
  readonly address?: Uint8Array;
  /** 0: any free port. */
  readonly port: number;
  /** Several sockets share the port and the kernel spreads flows over them. All of them must say so. Default false. */
  readonly reusePort?: boolean;
  /** Bytes of kernel buffer wanted each way; without CAP_NET_ADMIN the kernel may give less. */
  readonly buffer?: number;
}

export interface UdpSocket {
  readonly fd: number;
  readonly family: Family;
  /** The port that it is bound to. */
  readonly port: number;
  /** The address that it is bound to; all 0: any. */
  readonly address: Uint8Array;
}

/** Room for one datagram's struct msghdr, iovec, name and control, and for options; one for each thread. */
const room = new DataView(new ArrayBuffer(256));
const ROOM = hostAddress(room);
const MESSAGE = 0; // struct msghdr, 56
const IOVEC = 64; // struct iovec, 16
const NAME = 80; // sockaddr, 28
const CONTROL = 112; // cmsghdr 16 + in6_pktinfo 20, padded to 40
const OPTION = 160; // int
const LENGTH = 168; // socklen_t
const payload = new Uint8Array(new ArrayBuffer(65536));
const PAYLOAD = hostAddress(payload);

/** Sets an int option; 0, or the errno. */
export function setOption(fd: number, level: number, option: number, value: number): number {
  room.setInt32(OPTION, value, true);
  return setsockopt(fd, level, option, ROOM + OPTION, 4) < 0 ? errno() : 0;
}

/** Reads an int option; undefined when the kernel refuses. */
export function getOption(fd: number, level: number, option: number): number | undefined {
  room.setUint32(LENGTH, 4, true);
  if (getsockopt(fd, level, option, ROOM + OPTION, ROOM + LENGTH) < 0) return undefined;
  return room.getInt32(OPTION, true);
}

/** The address and port that a socket is bound to. */
export function socketName(fd: number): SocketName {
  room.setUint32(LENGTH, SOCKADDR6, true);
  if (getsockname(fd, ROOM + NAME, ROOM + LENGTH) < 0) throw failed(errno(), `ask for the name of socket ${fd}`);
  const name = readSocketName(room, NAME);
  if (name === undefined) throw failed("EAFNOSUPPORT", `read the name of socket ${fd}`);
  return name;
}

/** An unbound UDP socket, non-blocking, closed on exec; an IPv6 one takes no IPv4. */
export function udpSocket(family: Family): number {
  const fd = socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failed(errno(), `make an IPv${family} UDP socket`);
  // Ours of the two families sit side by side on one port; without this "::" would take IPv4 as well.
  if (family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return fd;
}

/** Address and port to call bind(2) or connect(2) with; the room stays as it is until the next call into this file. */
export function nameInRoom(name: SocketName): { readonly address: number; readonly length: number } {
  return { address: ROOM + NAME, length: writeSocketName(room, NAME, name) };
}

/**
 * Opens and binds a socket: non-blocking, closed on exec, each datagram with its destination address and TOS byte as
 * control messages.
 *
 * @throws LinuxError port-taken, address-not-here, not-permitted (a port below 1024), unsupported (no IPv6), exhausted
 */
export function openUdp(options: UdpOptions): UdpSocket {
  const { family, port, reusePort = false, buffer } = options;
  const address = options.address ?? new Uint8Array(family === 4 ? 4 : 16);
  const fd = udpSocket(family);
  try {
    const must = (level: number, option: number, value: number, what: string): void => {
      const code = setOption(fd, level, option, value);
      if (code !== 0) throw failed(code, `${what} on an IPv${family} UDP socket`);
    };
    if (reusePort) must(SOL_SOCKET, SO_REUSEPORT, 1, "share the port");
    // Outer packets carry DF and the kernel learns the path's MTU: routers on the way must not fragment ESP, because
    // fragments get lost at NATs and firewalls, cost the receiver reassembly, and hide the path's MTU from the inner hosts.
    // A datagram above the known MTU fails with EMSGSIZE, and we tell the inner sender by ICMP instead.
    if (family === 4) {
      must(IPPROTO_IP, IP_PKTINFO, 1, "ask for destination addresses");
      must(IPPROTO_IP, IP_RECVTOS, 1, "ask for the TOS byte");
      must(IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO, "set DF");
    } else {
      must(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "ask for destination addresses");
      must(IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "ask for the traffic class");
      must(IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO, "forbid fragments");
    }
    if (buffer !== undefined) {
      // FORCE goes beyond net.core.rmem_max, with CAP_NET_ADMIN; without it we take what the maximum allows.
      if (setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer) !== 0) setOption(fd, SOL_SOCKET, SO_RCVBUF, buffer);
      if (setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, buffer) !== 0) setOption(fd, SOL_SOCKET, SO_SNDBUF, buffer);
    }
    const wanted = nameInRoom({ address, port });
    if (bind(fd, wanted.address, wanted.length) < 0) {
      throw failed(errno(), `bind UDP ${formatSocketName({ address, port })}`, {
        EACCES: {
          code: "not-permitted",
          because: "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE",
          next: "Run it as root, give it the capability, or choose a higher port.",
        },
      });
    }
    return { fd, family, address, port: socketName(fd).port };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Is this port free for us alone? A bind with `reusePort` succeeds beside another process of the same user that also
 * shares it, and the two would then take each other's datagrams; so ask first.
 *
 * @throws LinuxError port-taken and the others of `openUdp`
 */
export function checkPortFree(options: Pick<UdpOptions, "family" | "address" | "port">): void {
  close(openUdp({ ...options, reusePort: false }).fd);
}

/** struct msghdr for one datagram in the room: payload of `length` bytes to `remote`, from `source` if given. */
function layMessage(length: number, remote: SocketName, source: Uint8Array | undefined): void {
  room.setBigUint64(MESSAGE, BigInt(ROOM + NAME), true);
  room.setUint32(MESSAGE + 8, writeSocketName(room, NAME, remote), true);
  room.setBigUint64(MESSAGE + 16, BigInt(ROOM + IOVEC), true);
  room.setBigUint64(MESSAGE + 24, 1n, true);
  room.setBigUint64(IOVEC, BigInt(PAYLOAD), true);
  room.setBigUint64(IOVEC + 8, BigInt(length), true);
  const sticky = source?.some((byte) => byte !== 0) === true;
  const ipv4 = remote.address.length === 4;
  room.setBigUint64(MESSAGE + 32, sticky ? BigInt(ROOM + CONTROL) : 0n, true);
  room.setBigUint64(MESSAGE + 40, sticky ? (ipv4 ? 32n : 40n) : 0n, true);
  if (source === undefined || !sticky) return;
  new Uint8Array(room.buffer, CONTROL, 40).fill(0);
  room.setBigUint64(CONTROL, ipv4 ? 28n : 36n, true); // cmsg_len
  room.setInt32(CONTROL + 8, ipv4 ? IPPROTO_IP : IPPROTO_IPV6, true);
  room.setInt32(CONTROL + 12, ipv4 ? IP_PKTINFO : IPV6_PKTINFO, true);
  // in_pktinfo {ifindex 4, spec_dst 4, addr 4}: spec_dst is the source; in6_pktinfo {addr 16, ifindex 4}.
  new Uint8Array(room.buffer).set(source, CONTROL + 16 + (ipv4 ? 4 : 0));
  if (!ipv4) room.setUint32(CONTROL + 32, remote.scope ?? 0, true);
}

/**
 * Sends one datagram, `parts` in a row, of at most 65,507 bytes, from our address `source` if given. A datagram too big
 * for the path leaves in fragments, unlike those of a batch: to a peer that takes no IKE fragments (RFC 7383), and in
 * IKE_SA_INIT, there is no other way to send a long message (RFC 7296 §2).
 *
 * @returns 0, or the errno for which the kernel refused it.
 */
export function sendDatagram(
  socket: UdpSocket,
  parts: readonly Uint8Array[],
  remote: SocketName,
  source?: Uint8Array,
): number {
  let length = 0;
  for (const part of parts) {
    if (length + part.length > payload.length) return EMSGSIZE;
    payload.set(part, length);
    length += part.length;
  }
  layMessage(length, remote, source);
  if (sendmsg(socket.fd, ROOM + MESSAGE, 0) >= 0) return 0;
  const code = errno();
  return code === EMSGSIZE ? sendInFragments(socket.fd, socket.family, ROOM + MESSAGE) : code;
}

/**
 * Sends the datagram of the struct msghdr at `message` although it is too big for the path: without DF, in fragments.
 * Another thread that sends on the same socket at the same moment may do so without DF too; no harm in that.
 *
 * @returns 0, or the errno for which the kernel refused it.
 */
export function sendInFragments(fd: number, family: Family, message: HostAddress): number {
  const level = family === 4 ? IPPROTO_IP : IPPROTO_IPV6;
  const option = family === 4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER;
  setOption(fd, level, option, PMTUDISC_DONT);
  const code = sendmsg(fd, message, 0) >= 0 ? 0 : errno();
  setOption(fd, level, option, PMTUDISC_DO);
  return code;
}

/**
 * From now on runs of datagrams of one sender, as the network card or GRO put them together, arrive as one message with
 * their size as a control message (udp(7)). False: this kernel does not know it.
 */
export function setGro(fd: number): boolean {
  return setOption(fd, SOL_UDP, UDP_GRO, 1) === 0;
}

export function closeUdp(socket: UdpSocket): void {
  close(socket.fd);
}
