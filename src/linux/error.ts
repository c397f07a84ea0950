/** What the kernel, or a tool that talks to it, refused: which call, why, and what to do about it. */

import { constants } from "node:os";

/** Stable words for what went wrong; programs decide by these, people read the message. */
export type LinuxErrorCode =
  /** Not root, or without CAP_NET_ADMIN (or the capability that the call wants). */
  | "not-permitted"
  /** /dev/net/tun is not there. */
  | "no-tun"
  /** A port that another program holds. */
  | "port-taken"
  /** A device, route or namespace of this name is already there. */
  | "exists"
  /** No device, route, namespace or file of this name. */
  | "absent"
  /** The address belongs to no interface of this host. */
  | "address-not-here"
  /** No route leads there. */
  | "unreachable"
  /** The kernel lacks the family, protocol or feature. */
  | "unsupported"
  /** A value that the kernel or the tool does not take. */
  | "invalid"
  /** Out of file descriptors or memory. */
  | "exhausted"
  /** A program that we need is not installed. */
  | "no-program"
  | "failed";

export interface LinuxErrorParts {
  readonly code: LinuxErrorCode;
  /** "EPERM"; "" when there is none (a tool failed with its own words). */
  readonly errno: string;
  /** What was tried, as the rest of "could not …": "bind UDP 0.0.0.0:500". */
  readonly tried: string;
  /** Why, one clause without a full stop. */
  readonly because: string;
  /** What to do now, one sentence. "" when there is nothing better than the reason. */
  readonly next: string;
}

export class LinuxError extends Error {
  override readonly name = "LinuxError";
  readonly code: LinuxErrorCode;
  readonly errno: string;
  readonly tried: string;
  readonly because: string;
  readonly next: string;

  constructor(parts: LinuxErrorParts) {
    const errno = parts.errno === "" ? "" : ` (${parts.errno})`;
    const next = parts.next === "" ? "" : ` ${parts.next}`;
    super(`Could not ${parts.tried}: ${parts.because}${errno}.${next}`);
    this.code = parts.code;
    this.errno = parts.errno;
    this.tried = parts.tried;
    this.because = parts.because;
    this.next = parts.next;
  }
}

/** What an errno means for one call: more to the point than the general table below. */
export type Reason = Pick<LinuxErrorParts, "code" | "because" | "next">;

const GENERAL: Readonly<Record<string, Reason>> = {
  EPERM: {
    code: "not-permitted",
    because: "this needs root or the capability CAP_NET_ADMIN",
    next: "Run it as root, or give the process CAP_NET_ADMIN (systemd: AmbientCapabilities=, container: --cap-add NET_ADMIN).",
  },
  EACCES: {
    code: "not-permitted",
    because: "permission denied",
    next: "Run it as root, or give the process CAP_NET_ADMIN and CAP_NET_BIND_SERVICE.",
  },
  EADDRINUSE: {
    code: "port-taken",
    because: "another program holds this port",
    next: "Find it with `ss -ulnp`; stop it or choose another port.",
  },
  EADDRNOTAVAIL: {
    code: "address-not-here",
    because: "no interface of this host has this address",
    next: "See `ip address`; add the address or choose another one.",
  },
  EEXIST: { code: "exists", because: "it is already there", next: "" },
  EBUSY: { code: "exists", because: "it is in use", next: "" },
  ENOENT: { code: "absent", because: "it is not there", next: "" },
  ESRCH: { code: "absent", because: "it is not there", next: "" },
  ENODEV: { code: "absent", because: "there is no such device", next: "See `ip link`." },
  ENXIO: { code: "absent", because: "there is no such device", next: "" },
  ENETUNREACH: {
    code: "unreachable",
    because: "no route leads there",
    next: "See `ip route get ADDRESS`; the underlay needs a route to the peer.",
  },
  EHOSTUNREACH: {
    code: "unreachable",
    because: "the host does not answer on its link, or a route forbids it",
    next: "See `ip route get ADDRESS` and `ip neigh`.",
  },
  EAFNOSUPPORT: {
    code: "unsupported",
    because: "the kernel has this address family switched off",
    next: "For IPv6 see `sysctl net.ipv6.conf.all.disable_ipv6` and the kernel's command line.",
  },
  EOPNOTSUPP: { code: "unsupported", because: "the kernel does not offer this", next: "" },
  ENOPROTOOPT: { code: "unsupported", because: "the kernel does not know this option", next: "" },
  ENOSYS: { code: "unsupported", because: "the kernel does not have this system call", next: "" },
  EINVAL: { code: "invalid", because: "the kernel does not accept a value", next: "" },
  EMFILE: {
    code: "exhausted",
    because: "the process has no file descriptor left",
    next: "Raise `ulimit -n` (systemd: LimitNOFILE=).",
  },
  ENFILE: { code: "exhausted", because: "the system has no file descriptor left", next: "Raise fs.file-max." },
  ENOMEM: { code: "exhausted", because: "out of memory", next: "" },
  ENOBUFS: { code: "exhausted", because: "the kernel has no buffer left", next: "" },
  EROFS: {
    code: "not-permitted",
    because: "the file system is read-only",
    next: "In a container, mount /proc/sys writable or run it privileged.",
  },
};

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number as number, name]));
// Two names share a number on Linux; ours is the one that the manual pages of the calls use.
NAMES.set(constants.errno.EAGAIN, "EAGAIN");
NAMES.set(constants.errno.EOPNOTSUPP, "EOPNOTSUPP");
// What a TUN descriptor says when its device was deleted; Node's list lacks it.
NAMES.set(77, "EBADFD");

/** "EPERM" for 1. A number without a name stays a number: "E999". */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/**
 * The error of a failed call. `tried` is the rest of "could not …"; `reasons` say, by errno name, what it means for this
 * very call, before the general meaning.
 */
export function failed(
  errno: number | string,
  tried: string,
  reasons: Readonly<Record<string, Reason>> = {},
): LinuxError {
  const name = typeof errno === "string" ? errno : errnoName(errno);
  const reason = reasons[name] ?? GENERAL[name] ?? { code: "failed" as const, because: "the kernel refused", next: "" };
  return new LinuxError({ ...reason, errno: name, tried });
}
