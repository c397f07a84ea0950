// Fragmentation of an IPv4 packet without DF before it is sealed, RFC 791 §3.2: each fragment becomes an ESP packet of its own,
// the outer network sees none of it.
//
//   startFragments(mtu) ── nextFragment() ── nextFragment() ── … false
//
// nextFragment makes the header of a fragment in the arena's scratch; its payload stays where it is in the packet. The packet
// may be a fragment itself: offsets count on from its own, and its last piece keeps its "more fragments".

import { W_SCRATCH } from "./layout/arena";
import { headerLength, length, start } from "./packet";
import { arena } from "./state";
import { checksum, sum } from "./wire/checksum";
import {
  IPV4_CHECKSUM,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_LENGTH,
  IPV4_MF,
  IPV4_OFFSET_MASK,
  ipv4Fragment,
} from "./wire/ipv4";
import { store16 } from "./wire/order";

/** Option types, RFC 791 §3.1: end of list and no-operation are single bytes; the flag says "copy into all fragments". */
const OPTION_END: u32 = 0;
const OPTION_NOP: u32 = 1;
const OPTION_COPIED: u32 = 0x80;

/** The fragment at hand: header in the scratch, payload in the packet. */
export let fragmentHeader: usize = 0;
export let fragmentHeaderLength: u32 = 0;
export let fragmentBody: usize = 0;
export let fragmentBodyLength: u32 = 0;

let mtu: u32 = 0;
let done: u32 = 0;

/** Begins to cut the packet at hand into pieces of at most `limit` bytes, header included. */
export function startFragments(limit: u32): void {
  mtu = limit;
  done = 0;
  fragmentHeader = arena + W_SCRATCH;
  fragmentHeaderLength = headerLength;
  memory.copy(fragmentHeader, start, headerLength);
}

/** Makes the next fragment; false: there is none left. */
export function nextFragment(): bool {
  const payload = length - headerLength;
  if (done >= payload) return false;
  if (done > 0) keepCopiedOptions();
  const left = payload - done;
  const fits = mtu - fragmentHeaderLength;
  const last = left <= fits;
  fragmentBody = start + headerLength + done;
  fragmentBodyLength = last ? left : fits & ~7;
  const original = ipv4Fragment(start);
  const more = last ? original & IPV4_MF : IPV4_MF;
  const offset = (original & IPV4_OFFSET_MASK) + (done >> 3);
  const header = fragmentHeader;
  store16(header + IPV4_LENGTH, fragmentHeaderLength + fragmentBodyLength);
  store16(header + IPV4_FRAGMENT, more | offset);
  store<u16>(header, 0, IPV4_CHECKSUM);
  store<u16>(header, checksum(sum(header, fragmentHeaderLength)), IPV4_CHECKSUM);
  done += fragmentBodyLength;
  return true;
}

/** Rewrites the header in the scratch with those options that go into every fragment. Done again it changes nothing. */
function keepCopiedOptions(): void {
  if (fragmentHeaderLength == IPV4_HEADER) return;
  let from = start + IPV4_HEADER;
  const end = start + headerLength;
  let to = fragmentHeader + IPV4_HEADER;
  while (from < end) {
    const kind = <u32>load<u8>(from);
    if (kind == OPTION_END) break;
    if (kind == OPTION_NOP) {
      from++;
      continue;
    }
    const size = from + 1 < end ? <u32>load<u8>(from, 1) : 0;
    // An option that lies about its length: what follows can't be told apart.
    if (size < 2 || from + size > end) break;
    if (kind & OPTION_COPIED) {
      memory.copy(to, from, size);
      to += size;
    }
    from += size;
  }
  while ((to - fragmentHeader) & 3) store<u8>(to++, <u8>OPTION_END);
  fragmentHeaderLength = <u32>(to - fragmentHeader);
  store<u8>(fragmentHeader, <u8>(0x40 | (fragmentHeaderLength >> 2)));
}
