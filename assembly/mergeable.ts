// What a packet must be to be put together with others of its flow, and what it then consists of: headers, and what follows.

import { family, laterFragment, start, transport, transportLength } from "./packet";
import { IPV4_HEADER, IPV4_MF, ipv4Fragment } from "./wire/ipv4";
import { IPV6_HEADER } from "./wire/ipv6";
import { load16 } from "./wire/order";
import {
  TCP_ACK,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_PSH,
  UDP_CHECKSUM,
  UDP_HEADER,
  UDP_LENGTH,
} from "./wire/transport";

/** Bytes of IP and transport header of the packet at hand, and of what follows. */
export let headers: u32 = 0;
export let payload: u32 = 0;

/** Is the transport header right behind a plain IP header, and the packet no fragment? */
export function isPlain(): bool {
  if (laterFragment || transport == 0 || transportLength < UDP_HEADER) return false;
  if (family == 6) return transport == start + IPV6_HEADER;
  return transport == start + IPV4_HEADER && (ipv4Fragment(start) & IPV4_MF) == 0;
}

/** Sets `headers` and `payload`. */
export function isMergeableTcp(): bool {
  if (transportLength < TCP_HEADER) return false;
  const offset = <u32>load<u8>(transport, TCP_DATA_OFFSET);
  const header = (offset >> 4) << 2;
  // The low half of the byte is reserved, or of accurate ECN: no flag but ACK and PSH.
  if ((offset & 15) != 0 || header < TCP_HEADER || header >= transportLength) return false;
  if (((<u32>load<u8>(transport, TCP_FLAGS)) & ~TCP_PSH) != TCP_ACK) return false;
  headers = <u32>(transport - start) + header;
  payload = transportLength - header;
  return true;
}

/** Sets `headers` and `payload`. */
export function isMergeableUdp(): bool {
  if (load16(transport + UDP_LENGTH) != transportLength || load<u16>(transport, UDP_CHECKSUM) == 0) return false;
  headers = <u32>(transport - start) + UDP_HEADER;
  payload = transportLength - UDP_HEADER;
  return payload != 0;
}

// @ts-ignore: decorator
@inline
export function isPushed(): bool {
  return ((<u32>load<u8>(transport, TCP_FLAGS)) & TCP_PSH) != 0;
}
