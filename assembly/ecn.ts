// Explicit congestion notification across the tunnel, RFC 6040.
//
// On the way in, normal mode (§4.1): the outer header copies the field of the inner one, so nothing is to be done here.
// On the way out (§4.2, figure 4), the field that the packet leaves with:
//
//   inner ╲ outer   Not-ECT   ECT(0)    ECT(1)    CE
//   Not-ECT         Not-ECT   Not-ECT   Not-ECT   drop
//   ECT(0)          ECT(0)    ECT(0)    ECT(1)    CE
//   ECT(1)          ECT(1)    ECT(1)    ECT(1)    CE
//   CE              CE        CE        CE        CE

import { COUNT_CE_COPIED } from "./counters";
import { count } from "./drop";
import { setTos, tos } from "./packet";

const ECN_MASK: u32 = 3;
const NOT_ECT: u32 = 0;
const ECT1: u32 = 1;
const ECT0: u32 = 2;
const CE: u32 = 3;

/** Brings the outer field into the packet at hand. False: it must be dropped. */
export function decapsulateEcn(outer: u32): bool {
  outer &= ECN_MASK;
  // Most packets: nothing was marked on the way.
  if (outer == NOT_ECT || outer == ECT0) return true;
  const before = tos();
  const inner = before & ECN_MASK;
  if (outer == CE) {
    if (inner == NOT_ECT) return false;
    if (inner == CE) return true;
    setTos(before | CE);
    count(COUNT_CE_COPIED);
  } else if (inner == ECT0) {
    setTos((before & ~ECN_MASK) | ECT1);
  }
  return true;
}
