/** What is seen of a device, as against what is wanted of it. Lives in memory; what must outlive the console is an event. */

export interface Observed {
  /** Its agent is connected to the console. */
  readonly controller: "normal" | "abnormal";
  /**
   * All its tunnels are up; none: it has none, or was not heard. Of a gateway's only those count that are up or lead to a device which
   * has joined: a standby that was never unpacked is no fault of the gateway.
   */
  readonly vpn: "normal" | "abnormal" | "none";
  /** Does it run what is wanted? */
  readonly sync: "synchronized" | "synchronizing" | "unsynchronized";
  /** It has an identity of this generation. */
  readonly enrolled: boolean;
  /** Version of vcpe that it runs; null: never heard. */
  readonly version: string | null;
  /** ISO 8601, UTC; null: never. */
  readonly lastSeen: string | null;
  /** Configuration that it runs, and the one that it should run. */
  readonly applied: number;
  readonly wanted: number;
  /** Why the last configuration was not applied. */
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly tunnels: readonly ObservedTunnel[];
  readonly attachments: readonly { readonly name: string; readonly state: string; readonly reason: string | null }[];
  /** Packets that went no further since its router started, by reason. */
  readonly drops?: Readonly<Record<string, number>>;
}

export interface ObservedTunnel {
  readonly name: string;
  readonly state: "down" | "connecting" | "up";
  readonly rttMs: number | null;
  readonly in: { readonly packets: number; readonly bytes: number };
  readonly out: { readonly packets: number; readonly bytes: number };
  readonly lastError: string | null;
  /** Its peer is silent when asked. */
  readonly silent?: boolean;
  /** Of the routes that choose between it and other tunnels: does one lead over it? undefined: none has a choice, or an older agent. */
  readonly carries?: boolean;
}

/** What is seen of a device; undefined: it never enrolled, and was never heard. */
export type Seen = (device: string) => Observed | undefined;

/** Of a device that never spoke. */
export const UNSEEN: Observed = {
  controller: "abnormal",
  vpn: "none",
  sync: "unsynchronized",
  enrolled: false,
  version: null,
  lastSeen: null,
  applied: 0,
  wanted: 0,
  error: null,
  tunnels: [],
  attachments: [],
};
