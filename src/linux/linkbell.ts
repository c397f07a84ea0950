/**
 * Tells whether links, addresses or routes of this network namespace have changed: a netlink socket that listens, rtnetlink(7).
 * What has changed it leaves to those who ask the kernel again; so a message lost in a flood costs nothing.
 */

import { failed } from "./error.ts";
import { bind, close, errno, hostAddress, read, socket } from "./ffi.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const NETLINK_ROUTE = 0;

const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_IPV6_ROUTE = 0x400;
const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;

const ENOBUFS = 105;

/** Messages taken in one look: a storm of routes must not hold up the thread. The rest is for the next look. */
const SHARE = 256;

const buffer = new Uint8Array(new ArrayBuffer(8192));

export interface LinkBell {
  /** Has anything changed since the last call? One system call when not. */
  rang(): boolean;
  close(): void;
}

/** @throws LinuxError exhausted, unsupported */
export function openLinkBell(): LinkBell {
  const tried = "listen for changes of links and routes";
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw failed(errno(), tried);
  const name = new DataView(new ArrayBuffer(12)); // struct sockaddr_nl: family 2, pad 2, port 4, groups 4
  name.setUint16(0, AF_NETLINK, true);
  name.setUint32(8, GROUPS, true);
  if (bind(fd, hostAddress(name), 12) < 0) {
    const error = failed(errno(), tried);
    close(fd);
    throw error;
  }
  return {
    rang: () => {
      let count = 0;
      for (; count < SHARE; count++) {
        // ENOBUFS: there was more than the socket could hold; that is a change, and the next read goes on.
        if (read(fd, hostAddress(buffer), buffer.length) < 0 && errno() !== ENOBUFS) break;
      }
      return count > 0;
    },
    close: () => void close(fd),
  };
}
