// How a flow lives: its states, how long it may be silent in each, and what it is worth when the table is full.
//
//   TCP    SYN ─▶ SYN_ACK ─▶ ESTABLISHED ─▶ FIN_OPENER or FIN_REPLIER ─▶ CLOSING        any ─RST─▶ RESET
//   UDP, SCTP, GRE, ESP …    ONE_WAY ─▶ REPLIED
//   ICMP echo, timestamp     QUERY ─▶ ANSWERED
//
// Times are those that the RFCs ask of a NAT, as its filter is the same thing: RFC 5382 REQ-5 (TCP: established, and half closed, 2 h
// 4 min; partly open and closing 4 min), RFC 4787 REQ-5 (UDP 2 min at least, 5 min recommended), RFC 5508 REQ-2 (ICMP queries 60 s).
//
// Sequence numbers are not looked at. The ends check them themselves (RFC 9293 §3.10.7, RFC 5961); a filter that does so too must
// follow window scaling and see every packet, and breaks connections when it does not. What is given up: a stranger who knows all five
// numbers of a flow can send a segment that an end will refuse, or an RST. So an RST only makes the flow expendable; packets that follow
// keep it, and a forged one cuts nothing.

import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "./wire/transport";

export const STATE_ONE_WAY: u32 = 0;
export const STATE_REPLIED: u32 = 1;
export const STATE_QUERY: u32 = 2;
export const STATE_ANSWERED: u32 = 3;
export const STATE_SYN: u32 = 4;
export const STATE_SYN_ACK: u32 = 5;
export const STATE_ESTABLISHED: u32 = 6;
export const STATE_FIN_OPENER: u32 = 7;
export const STATE_FIN_REPLIER: u32 = 8;
export const STATE_CLOSING: u32 = 9;
export const STATE_RESET: u32 = 10;
/** Taken on in the middle of a connection; nothing came from the other end yet. */
export const STATE_PICKED_UP: u32 = 11;
/** A changed filter no longer accepts it: remembered so that what the other end still sends does not open it anew. */
export const STATE_CUT: u32 = 12;
/** Not a flow: a datagram in fragments whose first one was accepted. */
export const STATE_FRAGMENTS: u32 = 13;

const LONG: u16 = 124 * 60;
const SHORT: u16 = 4 * 60;

/** Seconds by state. Fragments: half of what IPv6 gives a reassembly (RFC 8200 §4.5); hosts keep them no longer than this. */
const TIMEOUTS = memory.data<u16>([120, 300, 60, 60, SHORT, SHORT, LONG, LONG, LONG, SHORT, SHORT, SHORT, SHORT, 30]);

/** Seconds that a flow in this state may be silent. */
// @ts-ignore: decorator
@inline
export function timeout(state: u32): u32 {
  return load<u16>(TIMEOUTS + (state << 1));
}

/** Gives way to any new flow. */
export const WORTH_NOTHING: u32 = 0;
/** Gives way to a new flow when it has been silent for QUIET. */
export const WORTH_SOMETHING: u32 = 1;
/** Gives way only where its guard has more than its share of the table. */
export const WORTH_KEEPING: u32 = 2;

/** Seconds of silence after which an answered flow without a connection gives way. */
export const QUIET: u32 = 30;

/**
 * What a flow is worth. Only flows that both ends have confirmed are worth something: a flood of SYNs, or of datagrams from forged
 * addresses, replaces itself.
 */
export function worth(state: u32): u32 {
  if (state == STATE_ESTABLISHED || state == STATE_FIN_OPENER || state == STATE_FIN_REPLIER) return WORTH_KEEPING;
  return state == STATE_REPLIED || state == STATE_ANSWERED ? WORTH_SOMETHING : WORTH_NOTHING;
}

/** The state after a packet with these TCP flags (other protocols: 0), sent by the end that opened the flow, or by the other one. */
export function nextState(state: u32, flags: u32, opener: bool): u32 {
  switch (state) {
    case STATE_ONE_WAY:
      return opener ? STATE_ONE_WAY : STATE_REPLIED;
    case STATE_QUERY:
      return opener ? STATE_QUERY : STATE_ANSWERED;
    case STATE_REPLIED:
    case STATE_ANSWERED:
    case STATE_CUT:
    case STATE_FRAGMENTS:
      return state;
  }
  if (flags & TCP_RST) return STATE_RESET;
  switch (state) {
    case STATE_SYN:
      // With or without ACK: two ends may open at once (RFC 9293 §3.5).
      return !opener && (flags & TCP_SYN) != 0 ? STATE_SYN_ACK : state;
    case STATE_SYN_ACK:
      if (!opener || (flags & TCP_ACK) == 0) return state;
      return flags & TCP_FIN ? STATE_FIN_OPENER : STATE_ESTABLISHED;
    case STATE_PICKED_UP:
      if (opener || (flags & TCP_ACK) == 0) return state;
      return flags & TCP_FIN ? STATE_FIN_REPLIER : STATE_ESTABLISHED;
    case STATE_ESTABLISHED:
      if ((flags & TCP_FIN) == 0) return state;
      return opener ? STATE_FIN_OPENER : STATE_FIN_REPLIER;
    case STATE_FIN_OPENER:
      return !opener && (flags & TCP_FIN) != 0 ? STATE_CLOSING : state;
    case STATE_FIN_REPLIER:
      return opener && (flags & TCP_FIN) != 0 ? STATE_CLOSING : state;
  }
  return state;
}

/** Does this segment, of a connection in this state, begin a new one between the same ports (RFC 9293 §3.6.1)? */
export function reopens(state: u32, flags: u32): bool {
  return isOpening(flags) && (state == STATE_CLOSING || state == STATE_RESET);
}

/** A SYN and nothing that contradicts it. */
// @ts-ignore: decorator
@inline
export function isOpening(flags: u32): bool {
  return (flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
}
