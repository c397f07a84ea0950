// Into a tunnel: the packet at hand (parse) fits, is given to a Child SA, and is sealed now or waits for the tunnel's rate.
//
//   intoTunnel      MSS clamp → fits the MTU? → Child SA by selectors → passOn: encapsulate, or wait in the shaper
//     inFragments   the same for each piece of a packet that may be cut
//     chooseSa      the first Child SA whose selectors match
//
// Both roads end here: the road out (outbound), and the hub road (deliver).

import { mtuOf } from "./adjacency";
import { COUNT_FRAGMENTED, DROP_NO_SA, DROP_SELECTORS_OUT, DROP_TOO_BIG } from "./counters";
import { count } from "./drop";
import { encapsulate } from "./encapsulate";
import {
  fragmentBody,
  fragmentBodyLength,
  fragmentHeader,
  fragmentHeaderLength,
  nextFragment,
  startFragments,
} from "./fragment";
import {
  ADJ_CHILDREN,
  ADJ_ID,
  CHILDREN_COUNT,
  CHILDREN_HEAD,
  CHILD_SAS,
  CHILD_SELECTORS,
  CHILD_STRIDE,
} from "./layout/nexthop";
import { clampMss } from "./mss";
import { family, forgetPorts, length, start, tos } from "./packet";
import { tellAcquire } from "./ring";
import { isOutbound } from "./sa";
import { matchesOutbound } from "./selectors";
import { isShaped } from "./shape";
import { passes, wait } from "./shaper";
import { worker } from "./state";
import { IPV4_DF, ipv4Fragment } from "./wire/ipv4";

/** What would have fitted, when a packet was refused with DROP_TOO_BIG. */
export let fittingMtu: u32 = 0;
/** Why chooseSa found none. */
export let noSa: u32 = 0;

/** Seals the packet at hand for the tunnel of this adjacency. 0, or a reason to drop it. */
export function intoTunnel(adjacency: usize): u32 {
  const mtu = mtuOf(adjacency);
  if (mtu) {
    clampMss(mtu);
    if (length > mtu) {
      if (family == 4 && (ipv4Fragment(start) & IPV4_DF) == 0) return inFragments(adjacency, mtu);
      fittingMtu = mtu;
      return DROP_TOO_BIG;
    }
  }
  const sa = chooseSa(adjacency);
  return sa ? passOn(adjacency, sa, start, length, 0, 0) : noSa;
}

/** Seals these two pieces of the packet at hand, or lets them wait for the tunnel's rate. 0, or a reason to drop it. */
// @ts-ignore: decorator
@inline
function passOn(adjacency: usize, sa: usize, head: usize, headLength: u32, body: usize, bodyLength: u32): u32 {
  if (isShaped(adjacency) && !passes(adjacency, headLength + bodyLength)) {
    return wait(adjacency, head, headLength, body, bodyLength);
  }
  return encapsulate(sa, head, headLength, body, bodyLength, family, tos());
}

/** Seals the packet at hand in pieces. Each is a packet of its own to the selectors: only the first has ports (RFC 4301 §7). */
function inFragments(adjacency: usize, mtu: u32): u32 {
  count(COUNT_FRAGMENTED);
  startFragments(mtu);
  while (nextFragment()) {
    const sa = chooseSa(adjacency);
    if (!sa) return noSa;
    const reason = passOn(adjacency, sa, fragmentHeader, fragmentHeaderLength, fragmentBody, fragmentBodyLength);
    if (reason) return reason;
    forgetPorts();
  }
  return 0;
}

/**
 * The SA of the first Child SA that the packet at hand matches and this worker may use; 0 with `noSa` set. A child without
 * an SA at the moment (it retires) leaves its packets to one further down that takes them too.
 */
export function chooseSa(adjacency: usize): usize {
  const children = <usize>atomic.load<u32>(adjacency + ADJ_CHILDREN);
  let matched = children == 0;
  if (children) {
    let child = children + CHILDREN_HEAD;
    const end = child + load<u32>(children, CHILDREN_COUNT) * CHILD_STRIDE;
    for (; child < end; child += CHILD_STRIDE) {
      if (!matchesOutbound(load<u32>(child, CHILD_SELECTORS))) continue;
      const sa = <usize>atomic.load<u32>(child + CHILD_SAS + (worker << 2));
      if (sa && isOutbound(sa)) return sa;
      matched = true;
    }
  }
  noSa = matched ? DROP_NO_SA : DROP_SELECTORS_OUT;
  if (matched) tellAcquire(load<u32>(adjacency, ADJ_ID));
  return 0;
}
