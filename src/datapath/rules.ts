/** What the filter of a TUN device is told, and what it tells. */
import type { Prefix } from "./plane.ts";

export interface FilterRule {
  /** Names it in `filterHits`; rules of one name are counted together. */
  readonly id: string;
  /** "in": into the TUN device, `prefix` is the source; "out": out of it, `prefix` is the destination. */
  readonly direction: "in" | "out";
  /** IP protocol, null: any. */
  readonly protocol: number | null;
  /** Destination ports, inclusive; null: any, and packets without ports. */
  readonly ports: { readonly low: number; readonly high: number } | null;
  readonly prefix: Prefix;
  readonly action: "accept" | "drop";
}

/** What may open a flow: the first rule that matches decides, else the direction's default. */
export interface FilterRules {
  readonly rules: readonly FilterRule[];
  readonly in: "accept" | "drop";
  readonly out: "accept" | "drop";
}

/** A filter in the datapath. */
export interface FilterHandle {
  readonly id: number;
}

/** Packets that a rule has decided about: those that opened flows, and those that were dropped. Since the filter was made. */
export interface FilterHits {
  readonly rules: ReadonlyMap<string, number>;
  /** The defaults. */
  readonly in: number;
  readonly out: number;
}

export interface FlowTable {
  /** Flows that have not expired; above 131,072 places an estimate, within one percent or so. */
  readonly entries: number;
  /** Flows that have room. */
  readonly limit: number;
}
