/**
 * TUN devices: /dev/net/tun, one file descriptor for each queue. Kernel: Documentation/networking/tuntap.rst.
 *
 * The device lives as long as one descriptor of it is open, and its addresses and routes with it: a killed process leaves
 * nothing behind.
 */

import { failed, LinuxError, type Reason } from "./error.ts";
import { close, errno, hostAddress, ioctl, open, socket } from "./ffi.ts";
import { AF_INET } from "./sockaddr.ts";

const O_RDWR = 2;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const SIOCSIFTXQLEN = 0x8943;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;

const IFF_TUN = 0x0001;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;

/** What the kernel may leave undone in packets that it hands us: TUN_F_*, linux/if_tun.h. */
export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
export const TUN_F_TSO_ECN = 0x08;
/** UDP segmentation, Linux ≥ 6.2. */
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

/** Bytes of struct virtio_net_hdr. */
export const VNET_HEADER = 10;

/**
 * Packets that wait in a queue of the device until they are read. The kernel's default of 500 is used up in 5 ms at 100,000
 * packets a second, and a thread may have to wait as long for its core.
 */
const QUEUE = 1000;

/** Longest interface name, bytes (IFNAMSIZ − 1). */
export const LINK_NAME_MAX = 15;

const NO_TUN: Reason = {
  code: "no-tun",
  because: "the kernel offers no TUN devices here",
  next: "Load the module (`modprobe tun`); in a container pass --device /dev/net/tun; or `mkdir -p /dev/net && mknod /dev/net/tun c 10 200`.",
};
const OPEN_REASONS: Readonly<Record<string, Reason>> = { ENOENT: NO_TUN, ENODEV: NO_TUN, ENXIO: NO_TUN };

export interface TunOptions {
  /** 1–15 bytes, no "/" and no white space. */
  readonly name: string;
  /** Each further open of the same name adds a queue. All queues of a device must say the same. Default false. */
  readonly multiQueue?: boolean;
  /** A virtio header of VNET_HEADER bytes before each packet, read and written; needed for offloads. Default false. */
  readonly vnetHeader?: boolean;
}

/** One queue of a TUN device. */
export interface TunQueue {
  readonly fd: number;
  readonly name: string;
}

/** Can this be the name of a link? The kernel's dev_valid_name, and printable ASCII only. */
export function isLinkName(name: string): boolean {
  return /^[!-.0-9;-~]{1,15}$/.test(name) && name !== "." && name !== "..";
}

/**
 * Opens a queue of a TUN device (IP packets without a header of their own, non-blocking, closed on exec) and makes the
 * device if it is not there: down, without an address.
 *
 * @throws LinuxError not-permitted, no-tun, exists (another process holds the name, or it is a link of another kind), invalid
 */
export function openTun(options: TunOptions): TunQueue {
  const { name, multiQueue = false, vnetHeader = false } = options;
  const tried = `make the TUN device ${JSON.stringify(name)}`;
  if (!isLinkName(name)) {
    throw new LinuxError({
      code: "invalid",
      errno: "",
      tried,
      because: `a link's name has 1 to ${LINK_NAME_MAX} printable characters, none of them "/", ":" or a space`,
      next: "Choose another name.",
    });
  }
  const fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) throw failed(errno(), "open /dev/net/tun", OPEN_REASONS);
  const flags = IFF_TUN | IFF_NO_PI | (multiQueue ? IFF_MULTI_QUEUE : 0) | (vnetHeader ? IFF_VNET_HDR : 0);
  const request = Buffer.alloc(40); // struct ifreq: name 16, flags 2
  request.write(name, 0, "latin1");
  request.writeUInt16LE(flags, 16);
  if (ioctl(fd, TUNSETIFF, hostAddress(request)) < 0) {
    const error = failed(errno(), tried, {
      EBUSY: {
        code: "exists",
        because: "another process uses it",
        next: `Stop that process (\`ip link show ${name}\`) or choose another name.`,
      },
      EINVAL: {
        code: "exists",
        because: "a link of this name exists that is no TUN device, or one with other queues or headers",
        next: `See \`ip -d link show ${name}\`; delete it or choose another name.`,
      },
    });
    close(fd);
    throw error;
  }
  setQueueLength(request, QUEUE);
  return { fd, name };
}

/** Of the device that `request` (struct ifreq) names. One that somebody else made may refuse, and keeps its own. */
function setQueueLength(request: Buffer, packets: number): void {
  request.writeInt32LE(packets, 16);
  const any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return;
  ioctl(any, SIOCSIFTXQLEN, hostAddress(request));
  close(any);
}

/**
 * Says which packets the kernel may hand over unfinished: large TCP or UDP packets to be cut, checksums to be filled
 * (TUN_F_*, the whole set anew). Only with `vnetHeader`. False: this kernel does not know one of them; nothing changed.
 */
export function setTunOffload(queue: TunQueue, flags: number): boolean {
  return ioctl(queue.fd, TUNSETOFFLOAD, flags) === 0;
}

/** Bytes of the virtio header: VNET_HEADER, or more where the rest is to be ignored. */
export function setTunHeaderSize(queue: TunQueue, size: number): void {
  const value = new Int32Array(new ArrayBuffer(4));
  value[0] = size;
  if (ioctl(queue.fd, TUNSETVNETHDRSZ, hostAddress(value)) < 0) {
    throw failed(errno(), `set a virtio header of ${size} bytes on ${queue.name}`);
  }
}

/** Closes this queue; with its last queue the device goes, and its addresses and routes. */
export function closeTun(queue: TunQueue): void {
  close(queue.fd);
}
