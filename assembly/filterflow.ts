// A packet and its flow: the flow goes on, or the packet opens one, or neither.
//
// A flow remembers the generation of the rule set that accepted it. When the rules have changed, the next packet of either end has it
// judged again, by the direction and the numbers of the packet that opened it. If they no longer accept it, it is cut: it stays in the
// table as such for some minutes, for as long as the end that was asked goes on sending, because where the default lets everything out its
// late answers would else open the flow anew from the other end.
//
// A TCP flow opens with a SYN. A segment without one, of a flow that is not known (the router was restarted), is taken for its opening
// only if it goes in and a rule, not the default, accepts it: a connection to such a port may be made at any time. Out, where the default
// mostly accepts everything, it would let a server's answers open what a rule has just closed.

import { COUNT_FLOW_CUT, COUNT_FLOW_OPENED, DROP_FILTERED, DROP_FILTER_STRAY, DROP_FLOW_TABLE } from "./counters";
import { count } from "./drop";
import { endOf, flowKey, fromLow, KIND_PORTS, portOf } from "./flowkey";
import { isOpening, nextState, reopens, STATE_CUT, STATE_PICKED_UP, STATE_SYN } from "./flowstate";
import { admit, approve, expired, find, generation, life, renew, stateOf } from "./flowtable";
import { DIRECTION_IN, DIRECTION_OUT, FLOW_META, FLOW_OPENER_LOW, FLOW_OUTWARD, SET_GENERATION } from "./layout/filter";
import { destination, destinationPort, family, protocol, source } from "./packet";
import { accepts, byRule, countHit, NO_PORT } from "./ruleset";
import { hasPorts, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "./wire/transport";

/** Attempts at a flow that other workers change at the same moment. */
const ATTEMPTS: u32 = 4;

/** Not a state: the packet belongs to a flow or to nothing. */
export const NEVER_OPENS: u32 = 0xff;

/**
 * The packet at hand, its key written. `first`: the state of a flow that it would open, or NEVER_OPENS; `flags`: of TCP, else 0.
 * 0, or a reason to drop it.
 */
export function ofFlow(set: usize, direction: u32, now: u32, first: u32, flags: u32): u32 {
  let flow: usize = 0;
  for (let attempt: u32 = 1; ; attempt++) {
    flow = find();
    if (!flow || expired(life, now)) break;
    const opener = sentByOpener();
    const state = stateOf(life);
    if (state == STATE_CUT) {
      if (opener) break;
      renew(flow, STATE_CUT, now);
      return DROP_FILTERED;
    }
    if (wayOf(opener) != direction) return DROP_FILTER_STRAY;
    if (reopens(state, flags)) break;
    if (!stillAccepted(flow, set, now)) return DROP_FILTERED;
    const next = nextState(state, flags, opener);
    // An RST does not keep a flow; the packets that follow it do.
    if ((next == state && (flags & TCP_RST) != 0) || renew(flow, next, now) || attempt == ATTEMPTS) return 0;
  }
  return opening(set, direction, now, first, flags, flow);
}

/** Of the flow that was found: was the packet whose key is at hand sent by the end that opened it? */
export function sentByOpener(): bool {
  return fromLow == (((<u32>life) & FLOW_OPENER_LOW) != 0);
}

/** The direction in which the packets of the end that opened it go, or those of the other end. */
export function wayOf(opener: bool): u32 {
  return (((<u32>life) & FLOW_OUTWARD) != 0) == opener ? DIRECTION_OUT : DIRECTION_IN;
}

/** Do the rules in force accept the flow that was found? If not, it is cut. */
export function stillAccepted(flow: usize, set: usize, now: u32): bool {
  const current = load<u32>(set, SET_GENERATION);
  return generation == current || acceptedAgain(flow, set, current, now);
}

function acceptedAgain(flow: usize, set: usize, current: u32, now: u32): bool {
  // The key at hand is the flow's, and nobody else writes it.
  const key = flowKey;
  const meta = load<u32>(key, FLOW_META);
  const way = wayOf(true);
  const low = ((<u32>life) & FLOW_OPENER_LOW) != 0;
  const proto = meta & 0xff;
  const port = meta >> 16 == KIND_PORTS && hasPorts(proto) ? portOf(key, !low) : NO_PORT;
  if (accepts(set, way, (meta >> 8) & 0xff, proto, endOf(key, way == <u32>DIRECTION_IN ? low : !low), port)) {
    approve(flow, current);
    return true;
  }
  countHit(set);
  count(COUNT_FLOW_CUT);
  renew(flow, STATE_CUT, now);
  return false;
}

/** A packet without a flow; `instead`: the place of the flow's earlier life. */
function opening(set: usize, direction: u32, now: u32, first: u32, flags: u32, instead: usize): u32 {
  if (first == NEVER_OPENS) return DROP_FILTER_STRAY;
  let state = first;
  if (first == STATE_SYN && !isOpening(flags)) {
    const plain = (flags & (TCP_ACK | TCP_SYN | TCP_FIN | TCP_RST)) == TCP_ACK;
    if (direction != <u32>DIRECTION_IN || !plain) return DROP_FILTER_STRAY;
    state = STATE_PICKED_UP;
  }
  const accepted = byRules(set, direction, hasPorts(protocol) ? destinationPort : NO_PORT);
  if (accepted && state == STATE_PICKED_UP && !byRule) return DROP_FILTER_STRAY;
  countHit(set);
  if (!accepted) return DROP_FILTERED;
  const opened: u32 = (fromLow ? FLOW_OPENER_LOW : 0) | (direction == <u32>DIRECTION_OUT ? FLOW_OUTWARD : 0);
  if (!admit(state, opened, load<u32>(set, SET_GENERATION), now, instead)) return DROP_FLOW_TABLE;
  count(COUNT_FLOW_OPENED);
  return 0;
}

/** Do the rules accept the packet at hand by itself? */
// @ts-ignore: decorator
@inline
function byRules(set: usize, direction: u32, port: u32): bool {
  return accepts(set, direction, family, protocol, direction == <u32>DIRECTION_IN ? source() : destination(), port);
}

/** A packet that has no flow and opens none, judged by the rules alone. 0, or a reason to drop it. */
export function flowless(set: usize, direction: u32): u32 {
  const accepted = byRules(set, direction, NO_PORT);
  countHit(set);
  return accepted ? 0 : DROP_FILTERED;
}
