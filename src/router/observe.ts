/** What a control plane wants to hear of a router, again and again: states, and traffic since it started. */
import { COUNTERS } from "../datapath/counters.ts";
import type { PeerStatus } from "../ike/status.ts";
import type { Router } from "./router.ts";

export type TunnelState = "down" | "connecting" | "up";

export interface Traffic {
  readonly packets: number;
  readonly bytes: number;
}

export interface TunnelObservation {
  readonly name: string;
  readonly state: TunnelState;
  /** Milliseconds; null: not known. */
  readonly rttMs: number | null;
  /** Over all SAs since the router started. */
  readonly in: Traffic;
  readonly out: Traffic;
  readonly lastError: string | null;
  /** Its peer is silent when asked; absent: no. */
  readonly silent?: true;
  /** Of the routes that choose between it and other tunnels: does one lead over it? absent: none has a choice here. */
  readonly carries?: boolean;
}

export interface AttachmentObservation {
  readonly name: string;
  readonly state: string;
  /** Why it is not up, or what of it did not go; null: nothing. */
  readonly reason: string | null;
}

export interface Observation {
  readonly tunnels: readonly TunnelObservation[];
  readonly attachments: readonly AttachmentObservation[];
  /** Packets that went no further, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}

const DROPS = new Set(COUNTERS.filter(({ drop }) => drop).map(({ name }) => name));

/** What one tunnel's SAs had carried when they were looked at last, and what all of them did before. */
interface Tally {
  in: Traffic;
  out: Traffic;
  sas: Map<number, { readonly in: Traffic; readonly out: Traffic }>;
}

const NONE: Traffic = { packets: 0, bytes: 0 };

/** Looks at a router. Counters of an SA end with it; here they go on, but for what it carried after the last look. */
export class Observer {
  readonly #router: Router;
  readonly #tallies = new Map<string, Tally>();

  constructor(router: Router) {
    this.#router = router;
  }

  /** Quick: called every second. */
  states(): ReadonlyMap<string, TunnelState> {
    return new Map(this.#router.parts.ike.status().map(({ name, state }) => [name, state]));
  }

  /** Quick: called every second. */
  attachments(): readonly AttachmentObservation[] {
    const places = this.#router.attachments.states();
    return this.#router.config.attachments.map(({ name }) => {
      // One that is on this host as it is was made with the configuration, or the configuration was refused.
      const { state, reason } = places.get(name) ?? { state: "up", reason: null };
      return { name, state, reason: short(reason) };
    });
  }

  /** Those of them that there are. Quick when they are few: called whenever traffic moves to another tunnel. */
  tunnels(names: Iterable<string>): TunnelObservation[] {
    const { ike } = this.#router.parts;
    return [...names].filter((name) => this.#router.tunnel(name)).map((name) => this.#tunnel(name, ike.peer(name)));
  }

  observe(): Observation {
    const { config, parts } = this.#router;
    const peers = new Map(parts.ike.status().map((peer) => [peer.name, peer]));
    const names = new Set(config.tunnels.map(({ name }) => name));
    for (const name of this.#tallies.keys()) if (!names.has(name)) this.#tallies.delete(name);
    return {
      tunnels: config.tunnels.map(({ name }) => this.#tunnel(name, peers.get(name))),
      attachments: this.attachments(),
      drops: Object.fromEntries(
        Object.entries(parts.plane.counters()).filter(([name, count]) => count > 0 && DROPS.has(name)),
      ),
    };
  }

  #tunnel(name: string, peer: PeerStatus | undefined): TunnelObservation {
    const { in: inbound, out } = this.#traffic(name, peer);
    const { fabric } = this.#router;
    const carries = fabric.carries(name);
    const trouble = this.#router.keying.lastError(name)?.message ?? peer?.lastError ?? null;
    return {
      name,
      state: peer?.state ?? "down",
      rttMs: peer?.rttMs ?? null,
      in: inbound,
      out,
      lastError: short(trouble),
      ...(fabric.silent(name) && { silent: true as const }),
      ...(carries !== undefined && { carries }),
    };
  }

  #traffic(name: string, peer: PeerStatus | undefined): Tally {
    const { keying, parts } = this.#router;
    const before = this.#tallies.get(name) ?? { in: NONE, out: NONE, sas: new Map() };
    const after: Tally = { in: before.in, out: before.out, sas: new Map() };
    for (const { id } of peer?.children ?? []) {
      const handle = keying.handle(id);
      if (!handle) continue;
      const { inbound, outbound } = parts.plane.traffic(handle);
      const last = before.sas.get(id) ?? { in: NONE, out: NONE };
      const now = {
        in: { packets: inbound.packets, bytes: inbound.bytes },
        out: { packets: outbound.packets, bytes: outbound.bytes },
      };
      after.in = grown(after.in, last.in, now.in);
      after.out = grown(after.out, last.out, now.out);
      after.sas.set(id, now);
    }
    this.#tallies.set(name, after);
    return after;
  }
}

/** As long as a report may have it, characters. */
function short(reason: string | null): string | null {
  return reason === null ? null : reason.slice(0, 512);
}

function grown(total: Traffic, last: Traffic, now: Traffic): Traffic {
  return { packets: total.packets + now.packets - last.packets, bytes: total.bytes + now.bytes - last.bytes };
}
