/** What an operator sees of a peer. */
import type { EspCipher, Path, TrafficSelector } from "./effect.ts";
import type { Neighbour, NeighbourState } from "./neighbour.ts";
import type { Proven } from "./proof.ts";

export interface ChildStatus {
  readonly id: number;
  readonly name: string;
  /** Which of the Child SAs of this name, see ChildSa of effect.ts. */
  readonly copy: number;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly cipher: EspCipher;
  readonly esn: boolean;
  /** Time of its making, clock of `now`. */
  readonly since: number;
  /** Rekeys since the first Child SA of this row. */
  readonly rekeys: number;
  /** Outbound packets use it. False: it is being replaced, or was just made and is about to be used. */
  readonly sending: boolean;
  readonly selectors: { readonly local: readonly TrafficSelector[]; readonly remote: readonly TrafficSelector[] };
}

export interface PeerStatus {
  readonly name: string;
  readonly state: NeighbourState;
  /** When this state began, clock of `now`. */
  readonly since: number;
  /** The IKE SA in use. */
  readonly ike?: {
    /** 16 hexadecimal digits. */
    readonly spiLocal: string;
    readonly spiRemote: string;
    readonly suite: string;
    readonly since: number;
    readonly rekeys: number;
    readonly initiator: boolean;
    /** How the peer has shown who it is. */
    readonly proven: Proven;
  };
  readonly path?: Path;
  /** Behind a NAT: we, the peer. null: the peer says so, and may do that only to have ESP in UDP. */
  readonly nat?: { readonly local: boolean; readonly remote: boolean | null };
  /** Last round trip of an empty request, ms. */
  readonly rttMs?: number;
  readonly children: readonly ChildStatus[];
  /** Why it is not as it should be. */
  readonly lastError?: string;
}

function spiText(spi: bigint): string {
  return spi.toString(16).padStart(16, "0");
}

export function statusOf(neighbour: Neighbour): PeerStatus {
  const { current, opening, lastError } = neighbour;
  const sa = current ?? opening;
  const children = [...neighbour.children].map(({ id, name, copy, terms, since, rekeys, sending }): ChildStatus => {
    const { spiIn, spiOut, cipher, esn, local, remote } = terms;
    return { id, name, copy, spiIn, spiOut, cipher, esn, since, rekeys, sending, selectors: { local, remote } };
  });
  return {
    name: neighbour.name,
    state: neighbour.state,
    since: neighbour.since,
    ...(current && {
      ike: {
        spiLocal: spiText(current.spiLocal),
        spiRemote: spiText(current.spiRemote),
        suite: current.selection!.name,
        since: current.since,
        rekeys: current.rekeys,
        initiator: current.initiator,
        proven: current.proven!,
      },
      nat: {
        local: current.natLocal,
        remote: current.natRemote === "claimed" ? null : current.natRemote === "translated",
      },
    }),
    ...(sa && { path: sa.path }),
    ...(current?.rttMs !== undefined && { rttMs: current.rttMs }),
    children,
    ...(lastError !== undefined && { lastError }),
  };
}
