// TCP maximum segment size: a SYN that offers more than the tunnel carries is corrected, in both directions, so that TCP never
// meets the tunnel's MTU (the option is defined in RFC 9293 §3.7.1; its value is the MTU less the fixed IP and TCP headers, RFC
// 6691). A SYN without the option is left alone: its default of 536 (1220) always fits.

import { COUNT_MSS_CLAMPED } from "./counters";
import { count } from "./drop";
import { family, laterFragment, protocol, transport, transportLength } from "./packet";
import { patch } from "./wire/checksum";
import { load16, store16 } from "./wire/order";
import {
  PROTOCOL_TCP,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_OPTION_END,
  TCP_OPTION_MSS,
  TCP_OPTION_NOP,
  TCP_SYN,
} from "./wire/transport";

/** What IP and TCP take of the MTU: 20 + 20, 40 + 20. */
const HEADERS4: u32 = 40;
const HEADERS6: u32 = 60;

/** If the packet at hand is a TCP SYN, its MSS becomes at most what `mtu` allows. */
// @ts-ignore: decorator
@inline
export function clampMss(mtu: u32): void {
  if (protocol == PROTOCOL_TCP && !laterFragment) clampSyn(mtu - (family == 4 ? HEADERS4 : HEADERS6));
}

function clampSyn(limit: u32): void {
  if (transportLength < TCP_HEADER || ((<u32>load<u8>(transport, TCP_FLAGS)) & TCP_SYN) == 0) return;
  const header = ((<u32>load<u8>(transport, TCP_DATA_OFFSET)) >> 4) << 2;
  const end = transport + min(header, transportLength);
  for (let option = transport + TCP_HEADER; option < end;) {
    const kind = <u32>load<u8>(option);
    if (kind == TCP_OPTION_END) return;
    if (kind == TCP_OPTION_NOP) {
      option++;
      continue;
    }
    if (option + 2 > end) return;
    const size = <u32>load<u8>(option, 1);
    if (size < 2 || option + size > end) return;
    if (kind == TCP_OPTION_MSS && size == 4) {
      if (load16(option + 2) > limit) replaceMss(option + 2, limit);
      return;
    }
    option += size;
  }
}

function replaceMss(field: usize, limit: u32): void {
  const before = <u32>load<u16>(field);
  store16(field, limit);
  const after = <u32>load<u16>(field);
  // Options are not aligned: at an odd offset the two bytes belong to two words, so each counts as the other half.
  if ((field - transport) & 1) patch(transport + TCP_CHECKSUM, swapped(before), swapped(after));
  else patch(transport + TCP_CHECKSUM, before, after);
  count(COUNT_MSS_CLAMPED);
}

function swapped(word: u32): u32 {
  return <u32>bswap<u16>(<u16>word);
}
