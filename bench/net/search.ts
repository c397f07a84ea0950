/**
 * The search for the highest rate of UDP that a path carries with little loss. It knows nothing of networks: `attempt` measures.
 *
 *   flood ─► a guess below what passed ─► up in growing steps until it fails, or down until it passes ─► halve the gap ─► samples
 *
 * A flood alone would not do: under overload some routers carry far less than they can. A little loss must be seen
 * twice: once, it may be other work on the machine.
 */
/** Loss from which on a rate does not count, percent. */
export const LOSS_LIMIT = 0.5;

export interface Tried {
  /** Payload that the sender really sent, Mbit/s: less than was asked for when it could do no more. */
  readonly sentMbps: number;
  /** Payload that arrived, Mbit/s. */
  readonly goodputMbps: number;
  readonly lossPct: number;
}

export interface SearchOptions {
  /** Seconds of each try. */
  readonly seconds: number;
  /** Rates that are tried after the flood, at most. */
  readonly steps: number;
  /** Samples at the rate that was found; the median counts. */
  readonly samples: number;
  /** Seconds of each sample. */
  readonly sampleSeconds: number;
}

export interface Found<T> {
  readonly samples: T[];
  /** "sender": no more could be offered, so the path may carry more. */
  readonly limit: "path" | "sender";
}

/** Offered rate of the flood, Mbit/s: above what two shared cores carry. */
const FLOOD = 12_000;
/** A rate at which this much is lost fails at once; less may be the machine's and is tried again. Percent. */
const HOPELESS = 10;
/** The gap between a rate that passed and one that failed that is small enough. */
const CLOSE = 1.04;
/** Times that the samples are taken anew, each time at a lower rate, when most of them lose too much. */
const ROUNDS = 5;
/** How much lower each of these rates is. */
const LOWER = 0.88;

/** @param attempt sends at this rate, Mbit/s of payload, for so many seconds */
export async function highestRate<T extends Tried>(
  attempt: (mbps: number, seconds: number) => Promise<T>,
  { seconds, steps, samples, sampleSeconds }: SearchOptions,
): Promise<Found<T>> {
  const passes = (tried: T) => tried.lossPct < LOSS_LIMIT;
  let flood = await attempt(FLOOD, seconds);
  // Seen twice, or the sender was held up by other work when it should have flooded.
  const flooded = passes(flood) ? flood : undefined;
  if (flooded) flood = await attempt(FLOOD, seconds);
  const limit = passes(flood) ? "sender" : "path";
  /** The rate whose goodput was the highest of all that passed. */
  let best = { rate: 0, goodputMbps: 0 };
  const passed = (at: number, { goodputMbps }: T) => {
    if (goodputMbps > best.goodputMbps) best = { rate: at, goodputMbps };
  };
  /** The highest rate that passed, and the lowest that failed, as they were asked for: a sender that shares its CPU sends less. */
  let low = 0;
  let high = FLOOD;
  let rate = Math.max(10, flood.goodputMbps * 0.85, flooded?.goodputMbps ?? 0);
  if (limit === "sender") passed(FLOOD, flood);
  /** How far above a rate that passed the next one lies. It grows: a flood may have carried a tenth of what can be. */
  let stride = 1.35;
  for (let step = 0; step < steps && limit === "path" && high > low * CLOSE; step++) {
    let tried = await attempt(rate, seconds);
    // Less than a lower rate carried: the sender was held up.
    const odd = passes(tried) ? tried.goodputMbps < best.goodputMbps * 0.95 : tried.lossPct < HOPELESS;
    if (odd) tried = await attempt(rate, seconds);
    if (passes(tried)) {
      passed(rate, tried);
      low = rate;
    } else high = rate;
    if (low === 0) rate = Math.max(1, Math.min(rate, tried.goodputMbps) * 0.6);
    else rate = Math.min((low + high) / 2, low * stride);
    stride *= 1.25;
  }
  rate = best.rate > 0 ? best.rate * 0.98 : rate;
  for (let round = 1; ; round++) {
    const taken: T[] = [];
    const lossy = () => taken.filter((one) => !passes(one)).length * 2 > samples;
    while (taken.length < samples && (round === ROUNDS || !lossy())) taken.push(await attempt(rate, sampleSeconds));
    if (round === ROUNDS || !lossy()) return { samples: taken, limit };
    // What passed in a short try did not last. Far above what is sent, asking for a little less would change nothing.
    rate = Math.min(rate, ...taken.map((one) => one.sentMbps * 1.5)) * LOWER;
  }
}
