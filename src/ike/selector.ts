/** Traffic selectors: what two lists have in common (narrowing, RFC 7296 §2.9). */
import type { TrafficSelector } from "./effect.ts";
import { addressText, compare } from "./octets.ts";
import { MAX_SELECTORS } from "./wire/index.ts";

/** First port above last: only packets whose ports cannot be seen (RFC 7296 §3.13.1). */
function isOpaque(selector: TrafficSelector): boolean {
  return selector.portLow > selector.portHigh;
}

function anyPort(selector: TrafficSelector): boolean {
  return selector.portLow === 0 && selector.portHigh === 65_535;
}

/** What both selectors allow; undefined: nothing. */
export function intersect(a: TrafficSelector, b: TrafficSelector): TrafficSelector | undefined {
  if (a.low.length !== b.low.length) return undefined;
  if (a.protocol !== 0 && b.protocol !== 0 && a.protocol !== b.protocol) return undefined;
  const low = compare(a.low, b.low) >= 0 ? a.low : b.low;
  const high = compare(a.high, b.high) <= 0 ? a.high : b.high;
  if (compare(low, high) > 0) return undefined;
  const protocol = a.protocol === 0 ? b.protocol : a.protocol;
  if (isOpaque(a) || isOpaque(b)) {
    const opaque = isOpaque(a) ? a : b;
    const other = opaque === a ? b : a;
    if (!isOpaque(other) && !anyPort(other)) return undefined;
    return { protocol, portLow: opaque.portLow, portHigh: opaque.portHigh, low, high };
  }
  const portLow = Math.max(a.portLow, b.portLow);
  const portHigh = Math.min(a.portHigh, b.portHigh);
  if (portLow > portHigh) return undefined;
  return { protocol, portLow, portHigh, low, high };
}

/** The same packets. */
export function sameSelector(a: TrafficSelector, b: TrafficSelector): boolean {
  return (
    a.protocol === b.protocol &&
    a.portLow === b.portLow &&
    a.portHigh === b.portHigh &&
    compare(a.low, b.low) === 0 &&
    compare(a.high, b.high) === 0
  );
}

/** Every packet of `inner` is one of `outer`. */
export function contains(outer: TrafficSelector, inner: TrafficSelector): boolean {
  const common = intersect(outer, inner);
  return common !== undefined && sameSelector(common, inner);
}

/** Every selector of `inner` lies in one of `outer`: an answer that keeps to what was offered. */
export function within(inner: readonly TrafficSelector[], outer: readonly TrafficSelector[]): boolean {
  return inner.length > 0 && inner.every((selector) => outer.some((other) => contains(other, selector)));
}

/** What the lists have in common, in the order of `ours`, without what another one contains. At most MAX_SELECTORS. */
export function narrow(ours: readonly TrafficSelector[], theirs: readonly TrafficSelector[]): TrafficSelector[] {
  const found: TrafficSelector[] = [];
  for (const a of ours) {
    for (const b of theirs) {
      const common = intersect(a, b);
      if (common === undefined || found.some((other) => contains(other, common))) continue;
      for (let i = found.length - 1; i >= 0; i--) if (contains(common, found[i])) found.splice(i, 1);
      if (found.length === MAX_SELECTORS) return found;
      found.push(copy(common));
    }
  }
  return found;
}

/** Parsed selectors are views on a datagram; these stay. */
export function copy(selector: TrafficSelector): TrafficSelector {
  return { ...selector, low: selector.low.slice(), high: selector.high.slice() };
}

/** "10.0.0.0–10.0.0.255", with protocol and ports where they matter. */
export function selectorText(selector: TrafficSelector): string {
  const range = `${addressText(selector.low)}–${addressText(selector.high)}`;
  const protocol = selector.protocol === 0 ? "" : ` protocol ${selector.protocol}`;
  if (isOpaque(selector)) return `${range}${protocol} opaque ports`;
  return anyPort(selector)
    ? `${range}${protocol}`
    : `${range}${protocol} ports ${selector.portLow}–${selector.portHigh}`;
}

/** A list for a log, at most four of them. */
export function selectorsText(selectors: readonly TrafficSelector[]): string {
  const shown = selectors.slice(0, 4).map(selectorText).join(", ");
  return selectors.length > 4 ? `${shown} and ${selectors.length - 4} more` : shown;
}
