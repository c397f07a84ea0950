// The flow table: which flows the filters have accepted. One for all workers, in shared memory, of the size chosen at start; no locks.
//
//   find     the bucket that the hash names is searched, from the place that the hash names on ──▶ a flow, or 0
//   admit    a place in the bucket: free, or expired, or of a flow that gives way ── claimed ── filled ── published
//   renew    the flow's state and time of expiry, by compare and exchange, and only when they change: once a second
//
// A place is claimed by a compare-and-exchange of its tag, and published by one store of it, last. In between its version goes up, so a
// reader that saw the same tag and the same version before and after it compared the key has seen one flow, not the half of another;
// its loads are atomic ones, which keep their order on every processor. A change of state carries the version too: it cannot hit the
// flow that has the place next.
//
// What may happen when workers race: two claim the same place, and one looks for another; two packets open one flow at the same moment,
// and it has two places until one of them expires; a change of state is lost to another one. Each costs a packet at worst. A flow
// is there only after a rule has accepted it, and passes only under a rule set that has accepted it (`filter`), so none of it
// lets a packet through that no rule accepts.
//
// Who gives way when all sixteen places of a bucket have flows: one of the least worth (flowstate); of those one of the guard that has
// most places there; of those the one that expires first. What is worth keeping gives way only to a guard that has two places fewer. So
// what one guard lets in, a flood or a million connections, is paid for with its own flows: no customer can take the table from another.
//
// Nothing sweeps the table: a flow that has expired is taken for absent, and its place is free for the next one in the bucket.

import { COUNT_FLOW_EVICTED } from "./counters";
import { count } from "./drop";
import { flowKey, hashKey } from "./flowkey";
import { QUIET, timeout, WORTH_KEEPING, WORTH_SOMETHING, worth } from "./flowstate";
import { W_NOW } from "./layout/arena";
import {
  FLOW_ADDRESSES,
  FLOW_CLAIMED,
  FLOW_DOMAIN,
  FLOW_ENTRY,
  FLOW_GENERATION,
  FLOW_LIFE,
  FLOW_META,
  FLOW_PORTS,
  FLOW_TAG,
  FLOW_VERSION,
  FLOW_WAYS,
} from "./layout/filter";
import { G_FLOWS_BASE, G_FLOWS_KEY, G_FLOWS_PLACES } from "./layout/globals";
import { keyHash } from "./siphash";
import { arena } from "./state";

const BUCKET: usize = FLOW_WAYS * FLOW_ENTRY;
/** Attempts at a place in a bucket that other workers are busy in. */
const ATTEMPTS: u32 = 4;
/** Low bits of FLOW_LIFE that are the state. */
const STATE_MASK: u32 = 0xff;

let tableBase: usize = 0;
let buckets: u32 = 0;

/** Of the key at hand: its bucket, the place in it where the search begins, its tag. */
let bucket: usize = 0;
let begin: u32 = 0;
let tag: u32 = 0;

/** Loads where the table is, and the key of its hash. Once for each instance. */
export function attachFlows(): void {
  tableBase = load<u32>(G_FLOWS_BASE);
  buckets = load<u32>(G_FLOWS_PLACES) / FLOW_WAYS;
  keyHash(G_FLOWS_KEY);
}

/** Seconds of the monotonic clock. */
// @ts-ignore: decorator
@inline
export function seconds(): u32 {
  return <u32>(load<f64>(arena, W_NOW) * 0.001);
}

/** What `find` found: the version of the flow, its FLOW_LIFE, its generation; all of that one flow. */
let version: u32 = 0;
export let life: u64 = 0;
export let generation: u32 = 0;

/** Hash of the key at hand, and the place where its flow was last seen; 0: not known. */
let expected: u64 = 0;
let hint: usize = 0;

/** The hash of the key at hand has been worked out; its flow may be at `place`. 0, 0: it has not. */
// @ts-ignore: decorator
@inline
export function expectHash(hash: u64, place: usize): void {
  expected = hash;
  hint = place;
}

/** The place where the search for this hash begins. */
// @ts-ignore: decorator
@inline
export function firstPlace(hash: u64): usize {
  return bucketOf(hash) + ((<u32>(hash >> 28)) & (FLOW_WAYS - 1)) * FLOW_ENTRY;
}

/** The place behind this one in its bucket. Buckets are aligned to their size. */
// @ts-ignore: decorator
@inline
export function nextPlace(place: usize): usize {
  return (place & ~(BUCKET - 1)) | ((place + FLOW_ENTRY) & (BUCKET - 1));
}

/** The tag of a flow of this hash. */
// @ts-ignore: decorator
@inline
export function tagFor(hash: u64): u32 {
  return (<u32>(hash >> 32)) | 0x80000000;
}

// @ts-ignore: decorator
@inline
function bucketOf(hash: u64): usize {
  return tableBase + ((<u32>hash) & (buckets - 1)) * <u32>(FLOW_WAYS * FLOW_ENTRY);
}

/** The flow of the key at hand, expired or not, with `life` and `generation`; 0: there is none. */
export function find(): usize {
  const hash = expected ? expected : hashKey();
  expected = 0;
  bucket = bucketOf(hash);
  begin = (<u32>(hash >> 28)) & (FLOW_WAYS - 1);
  tag = tagFor(hash);
  if (hint) {
    const flow = hint;
    hint = 0;
    if (isAt(flow)) return flow;
  }
  for (let i: u32 = 0; i < <u32>FLOW_WAYS; i++) {
    const flow = placeAt(i);
    if (isAt(flow)) return flow;
  }
  return 0;
}

/** Has this place the flow of the key at hand? Then `life` and `generation` are its. */
// @ts-ignore: decorator
@inline
function isAt(flow: usize): bool {
  if (atomic.load<u32>(flow + FLOW_TAG) != tag) return false;
  version = versionOf(flow);
  if (!isKey(flow)) return false;
  life = atomic.load<u64>(flow + FLOW_LIFE);
  generation = atomic.load<u32>(flow + FLOW_GENERATION);
  return atomic.load<u32>(flow + FLOW_TAG) == tag && versionOf(flow) == version;
}

// @ts-ignore: decorator
@inline
function placeAt(i: u32): usize {
  return bucket + ((begin + i) & (FLOW_WAYS - 1)) * FLOW_ENTRY;
}

// @ts-ignore: decorator
@inline
function versionOf(flow: usize): u32 {
  return atomic.load<u32>(flow + FLOW_VERSION);
}

/** Is the key at hand that of this flow? The last words differ most, and tell IPv4 from IPv6. */
function isKey(flow: usize): bool {
  const key = flowKey;
  return (
    atomic.load<u64>(flow + FLOW_PORTS) == load<u64>(key, FLOW_PORTS) &&
    atomic.load<u64>(flow + FLOW_ADDRESSES + 24) == load<u64>(key, FLOW_ADDRESSES + 24) &&
    atomic.load<u32>(flow + FLOW_DOMAIN) == load<u32>(key, FLOW_DOMAIN) &&
    (((load<u32>(key, FLOW_META) >> 8) & 0xff) == 4 ||
      (atomic.load<u64>(flow + FLOW_ADDRESSES) == load<u64>(key, FLOW_ADDRESSES) &&
        atomic.load<u64>(flow + FLOW_ADDRESSES + 8) == load<u64>(key, FLOW_ADDRESSES + 8) &&
        atomic.load<u64>(flow + FLOW_ADDRESSES + 16) == load<u64>(key, FLOW_ADDRESSES + 16)))
  );
}

// @ts-ignore: decorator
@inline
export function stateOf(its: u64): u32 {
  return (<u32>its) & STATE_MASK;
}

// @ts-ignore: decorator
@inline
export function expired(its: u64, now: u32): bool {
  return <u32>(its >> 32) <= now;
}

/** The flow that `find` found goes on in this state, and its time begins anew. False: another worker was quicker; look again. */
export function renew(flow: usize, state: u32, now: u32): bool {
  const next = (life & 0xffffff00) | (<u64>state) | ((<u64>(now + timeout(state))) << 32);
  return next == life || atomic.cmpxchg<u64>(flow + FLOW_LIFE, life, next) == life;
}

/** A rule set has accepted the flow that `find` found; this is its generation. Of no effect if the place has another flow by now. */
export function approve(flow: usize, by: u32): void {
  const half = (<u64>version) << 32;
  atomic.cmpxchg<u64>(flow + FLOW_GENERATION, half | (<u64>generation), half | (<u64>by));
}

/**
 * Puts the key at hand into the table, in this state. `opened`: FLOW_OPENER_LOW, FLOW_OUTWARD. `by`: generation that accepted it. `instead`: the place of the same flow's
 * earlier life, which `find` gave; 0: any. False: there is no place. After `find`.
 */
export function admit(state: u32, opened: u32, by: u32, now: u32, instead: usize): bool {
  let flow = instead;
  let held: u32 = tag;
  for (let attempt: u32 = 0; attempt < ATTEMPTS; attempt++) {
    if (!flow) {
      flow = leastWorth(now);
      if (!flow) return false;
      held = leastTag;
    }
    if (atomic.cmpxchg<u32>(flow + FLOW_TAG, held, FLOW_CLAIMED) == held) {
      if (flow != instead && leastEvicted) count(COUNT_FLOW_EVICTED);
      fill(flow, state, opened, by, now);
      return true;
    }
    flow = 0;
  }
  return false;
}

function fill(flow: usize, state: u32, opened: u32, by: u32, now: u32): void {
  const mine = versionOf(flow) + 1;
  atomic.store<u32>(flow + FLOW_VERSION, mine);
  const key = flowKey;
  atomic.store<u32>(flow + FLOW_DOMAIN, load<u32>(key, FLOW_DOMAIN));
  for (let at: usize = FLOW_ADDRESSES; at < <usize>FLOW_LIFE; at += 8)
    atomic.store<u64>(flow + at, load<u64>(key + at));
  atomic.store<u64>(flow + FLOW_LIFE, (<u64>(state | opened | (mine << 16))) | ((<u64>(now + timeout(state))) << 32));
  atomic.store<u32>(flow + FLOW_GENERATION, by);
  atomic.store<u32>(flow + FLOW_TAG, tag);
}

/** The tag that the place `leastWorth` gave had when it was looked at, and whether a living flow has it. */
let leastTag: u32 = 0;
let leastEvicted: bool = false;

/** The place in the bucket to take: free or expired; else of the flow that gives way to the one at hand; 0: none does. */
function leastWorth(now: u32): usize {
  const mine = load<u32>(flowKey, FLOW_DOMAIN);
  let own: u32 = 0;
  let living: u32 = 0;
  for (let i: u32 = 0; i < <u32>FLOW_WAYS; i++) {
    const flow = placeAt(i);
    const held = atomic.load<u32>(flow + FLOW_TAG);
    if (held == <u32>FLOW_CLAIMED) continue;
    if (held == 0 || expired(atomic.load<u64>(flow + FLOW_LIFE), now)) {
      leastTag = held;
      leastEvicted = false;
      return flow;
    }
    living++;
    if (atomic.load<u32>(flow + FLOW_DOMAIN) == mine) own++;
  }
  leastEvicted = true;
  let found: usize = 0;
  let least: u64 = u64.MAX_VALUE;
  for (let i: u32 = 0; i < <u32>FLOW_WAYS; i++) {
    const flow = placeAt(i);
    const held = atomic.load<u32>(flow + FLOW_TAG);
    if (held <= <u32>FLOW_CLAIMED) continue;
    const its = atomic.load<u64>(flow + FLOW_LIFE);
    const state = stateOf(its);
    const left = <u32>(its >> 32) - now;
    let value = worth(state);
    if (value == WORTH_SOMETHING && left + QUIET > timeout(state)) value = WORTH_KEEPING;
    // Where all are of one domain, its share is no matter.
    const share: u32 = own == living ? 0 : shareOf(atomic.load<u32>(flow + FLOW_DOMAIN));
    if (value == WORTH_KEEPING && share < own + 2) continue;
    const rank = ((<u64>value) << 40) | ((<u64>(<u32>FLOW_WAYS - share)) << 32) | (<u64>left);
    if (rank >= least) continue;
    least = rank;
    found = flow;
    leastTag = held;
  }
  return found;
}

/** Places of the bucket that flows of this domain have. */
function shareOf(domain: u32): u32 {
  let share: u32 = 0;
  for (let i: u32 = 0; i < <u32>FLOW_WAYS; i++) {
    if (atomic.load<u32>(placeAt(i) + FLOW_DOMAIN) == domain) share++;
  }
  return share;
}

/** Flows among the `count` places from place `first` on that have not expired at `now`, seconds. For the control thread. */
export function liveFlows(first: u32, count: u32, now: u32): u32 {
  const base = <usize>load<u32>(G_FLOWS_BASE);
  let live: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const flow = base + (first + i) * FLOW_ENTRY;
    if (atomic.load<u32>(flow + FLOW_TAG) > <u32>FLOW_CLAIMED && !expired(atomic.load<u64>(flow + FLOW_LIFE), now))
      live++;
  }
  return live;
}
