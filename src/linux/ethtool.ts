/**
 * Features of a network device (`ethtool -k`, `ethtool -K`), by ioctl SIOCETHTOOL: include/uapi/linux/ethtool.h. The
 * program `ethtool` is not needed.
 *
 * The kernel numbers its features anew with each release, but their names stay: ETHTOOL_GSTRINGS gives them in order, and
 * ETHTOOL_GFEATURES and ETHTOOL_SFEATURES carry bit masks in blocks of 32 over that order.
 */

import { failed, LinuxError, type Reason } from "./error.ts";
import { close, errno, hostAddress, ioctl } from "./ffi.ts";
import { isLinkName } from "./tun.ts";
import { udpSocket } from "./udp.ts";

const SIOCETHTOOL = 0x8946;

const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_GFEATURES = 0x3a;
const ETHTOOL_SFEATURES = 0x3b;

const ETH_SS_FEATURES = 4;
/** ETH_GSTRING_LEN: bytes of one name, zeros behind it. */
const NAME = 32;
/** More than this many features is not believed; Linux 6.18 has about 64. */
const MOST = 1024;

/** struct ethtool_get_features_block: available, requested, active, never_changed, each a u32. */
const GET_BLOCK = 16;
/** struct ethtool_set_features_block: valid, requested. */
const SET_BLOCK = 8;

export interface Feature {
  /** It is in force. */
  readonly active: boolean;
  /** It was asked for; in force as soon as the device can. */
  readonly wanted: boolean;
  /** The device does not let it be changed. */
  readonly fixed: boolean;
}

/** By the kernel's name for it ("rx-gro"); a name that is not there this kernel does not know. */
export type Features = ReadonlyMap<string, Feature>;

const REASONS: Readonly<Record<string, Reason>> = {
  EOPNOTSUPP: {
    code: "unsupported",
    because: "neither the device nor this kernel offers it",
    next: "",
  },
};

/** Names in order; they are the kernel's, the same for every device. */
let names: readonly string[] | undefined;

/** @throws LinuxError absent (no such link), not-permitted, unsupported, invalid (an answer that makes no sense) */
export function readFeatures(link: string): Features {
  return withDevice(link, `read the features of ${link}`, features);
}

/**
 * Switches one feature and looks whether it took.
 *
 * @throws LinuxError as readFeatures; unsupported: this kernel does not know it, or the device keeps it as it is
 */
export function setFeature(link: string, name: string, on: boolean): void {
  const tried = `switch ${name} of ${link} ${on ? "on" : "off"}`;
  withDevice(link, tried, (ask) => {
    const index = namesOf(ask).indexOf(name);
    if (index < 0) throw unsupported(tried, `this kernel has no ${name}`);
    const blocks = blocksOf(namesOf(ask).length);
    const request = new DataView(new ArrayBuffer(8 + blocks * SET_BLOCK));
    request.setUint32(0, ETHTOOL_SFEATURES, true);
    request.setUint32(4, blocks, true);
    const at = 8 + (index >>> 5) * SET_BLOCK;
    const bit = (1 << (index & 31)) >>> 0;
    request.setUint32(at, bit, true);
    request.setUint32(at + 4, on ? bit : 0, true);
    // What it answers (ETHTOOL_F_UNSUPPORTED, ETHTOOL_F_WISH) says less than another look.
    ask(request);
    if (features(ask).get(name)?.active !== on) {
      throw unsupported(tried, `the device keeps it ${on ? "off" : "on"}`);
    }
  });
}

type Ask = (request: DataView) => void;

/** Lends `act` a way to send requests to the device; each answer lies where the request was. */
function withDevice<T>(link: string, tried: string, act: (ask: Ask) => T): T {
  if (!isLinkName(link)) throw failed("ENODEV", tried);
  const fd = udpSocket(4);
  try {
    return act((request) => {
      const ifreq = Buffer.alloc(40); // struct ifreq: name 16, then here a pointer
      ifreq.write(link, 0, "latin1");
      ifreq.writeBigUInt64LE(BigInt(hostAddress(request)), 16);
      if (ioctl(fd, SIOCETHTOOL, hostAddress(ifreq)) < 0) throw failed(errno(), tried, REASONS);
    });
  } finally {
    close(fd);
  }
}

function features(ask: Ask): Features {
  const known = namesOf(ask);
  const blocks = blocksOf(known.length);
  const answer = new DataView(new ArrayBuffer(8 + blocks * GET_BLOCK));
  answer.setUint32(0, ETHTOOL_GFEATURES, true);
  answer.setUint32(4, blocks, true);
  ask(answer);
  if (answer.getUint32(4, true) !== blocks) throw nonsense(`${answer.getUint32(4, true)} blocks of features`);
  return parseFeatures(known, answer);
}

/** Takes the answer to ETHTOOL_GFEATURES apart; `known`: the names in order. */
export function parseFeatures(known: readonly string[], answer: DataView): Features {
  const found = new Map<string, Feature>();
  known.forEach((name, index) => {
    if (name === "") return;
    const at = 8 + (index >>> 5) * GET_BLOCK;
    const has = (mask: number): boolean => ((answer.getUint32(at + mask * 4, true) >>> (index & 31)) & 1) === 1;
    found.set(name, { active: has(2), wanted: has(1), fixed: !has(0) || has(3) });
  });
  return found;
}

function namesOf(ask: Ask): readonly string[] {
  names ??= askNames(ask);
  return names;
}

function askNames(ask: Ask): string[] {
  const info = new DataView(new ArrayBuffer(20)); // struct ethtool_sset_info with one count
  info.setUint32(0, ETHTOOL_GSSET_INFO, true);
  info.setBigUint64(8, 1n << BigInt(ETH_SS_FEATURES), true);
  ask(info);
  // The mask of the answer has the bit only when there is such a set.
  const count = info.getBigUint64(8, true) === 0n ? 0 : info.getUint32(16, true);
  if (count === 0 || count > MOST) throw nonsense(`${count} features`);
  const strings = new DataView(new ArrayBuffer(12 + count * NAME));
  strings.setUint32(0, ETHTOOL_GSTRINGS, true);
  strings.setUint32(4, ETH_SS_FEATURES, true);
  strings.setUint32(8, count, true);
  ask(strings);
  if (strings.getUint32(8, true) !== count) throw nonsense(`${strings.getUint32(8, true)} names of ${count} features`);
  return parseNames(strings, count);
}

/** The names in the answer to ETHTOOL_GSTRINGS; "" for a number that is not in use. */
export function parseNames(strings: DataView, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = Buffer.from(strings.buffer, strings.byteOffset + 12 + index * NAME, NAME);
    const end = bytes.indexOf(0);
    return bytes.toString("latin1", 0, end < 0 ? NAME : end);
  });
}

function blocksOf(count: number): number {
  return Math.ceil(count / 32);
}

function unsupported(tried: string, because: string): LinuxError {
  return new LinuxError({ code: "unsupported", errno: "", tried, because, next: "" });
}

function nonsense(what: string): LinuxError {
  return new LinuxError({
    code: "invalid",
    errno: "",
    tried: "read the features of a device",
    because: `the kernel speaks of ${what}`,
    next: "",
  });
}
