/**
 * All configured peers, found without looking at each: by name, by the two identities of IKE_AUTH, and by where a first message comes
 * from. A gateway has ten thousand.
 */
import { identityKey, identityPayload } from "./identity.ts";
import type { Neighbour } from "./neighbour.ts";
import type { IkeProposal } from "./suite/index.ts";
import type { IdPayload } from "./wire/index.ts";

/** What a responder must know of a peer before it knows which one it is. Alike for most peers of a gateway. */
export interface Manner {
  readonly proposals: readonly IkeProposal[];
  readonly encapsulation: "always" | "nat";
  readonly auth: "psk" | "certificate";
}

/** Manners of some peers, each once, in the order in which they came. */
class Manners {
  readonly #rows = new Map<string, { readonly manner: Manner; count: number }>();

  get empty(): boolean {
    return this.#rows.size === 0;
  }

  *[Symbol.iterator](): Iterator<Manner> {
    for (const { manner } of this.#rows.values()) yield manner;
  }

  add({ ikeProposals: proposals, config }: Neighbour): () => void {
    const { encapsulation, auth } = config;
    const key = [encapsulation, auth.kind, ...proposals.map(({ name }) => name)].join(" ");
    const row = this.#rows.get(key) ?? { manner: { proposals, encapsulation, auth: auth.kind }, count: 0 };
    row.count += 1;
    this.#rows.set(key, row);
    return () => {
      row.count -= 1;
      if (row.count === 0) this.#rows.delete(key);
    };
  }
}

function addressKey(address: Uint8Array): string {
  return Buffer.from(address).toString("latin1");
}

export class Directory {
  readonly #byName = new Map<string, Neighbour>();
  /** By the peer's identity, then by ours. */
  readonly #byIdentities = new Map<string, Map<string, Set<Neighbour>>>();
  /** Who may come from anywhere. */
  readonly #anywhere = new Manners();
  /** Who may come from this address, or is looked for there. */
  readonly #at = new Map<string, Manners>();
  /** What takes a peer out of the indexes. */
  readonly #leave = new Map<Neighbour, readonly (() => void)[]>();

  get size(): number {
    return this.#byName.size;
  }

  [Symbol.iterator](): Iterator<Neighbour> {
    return this.#byName.values();
  }

  get(name: string): Neighbour | undefined {
    return this.#byName.get(name);
  }

  /** Its name must be free. */
  add(neighbour: Neighbour): void {
    this.#byName.set(neighbour.name, neighbour);
    this.#enter(neighbour);
  }

  remove(neighbour: Neighbour): void {
    this.#byName.delete(neighbour.name);
    this.#depart(neighbour);
  }

  /** Changes its configuration by `change`, which must not change its name. */
  change(neighbour: Neighbour, change: () => void): void {
    this.#depart(neighbour);
    try {
      change();
    } finally {
      this.#enter(neighbour);
    }
  }

  /** Peers that call themselves `theirs` and us `ours`; undefined: whatever they call us. */
  called(theirs: IdPayload, ours: IdPayload | undefined): Neighbour[] {
    const row = this.#byIdentities.get(identityKey(theirs));
    if (row === undefined) return [];
    if (ours !== undefined) return [...(row.get(identityKey(ours)) ?? [])];
    return [...row.values()].flatMap((peers) => [...peers]);
  }

  /** Manners of the peers that may be calling from this address; of those who live there first. */
  manners(address: Uint8Array): Manner[] {
    return [...(this.#at.get(addressKey(address)) ?? []), ...this.#anywhere];
  }

  #enter(neighbour: Neighbour): void {
    const { from, remote } = neighbour.config;
    const homes = from ?? (remote === undefined ? [] : [remote.address]);
    const leave = [...new Set(homes.map(addressKey))].map((key) => this.#settle(key, neighbour));
    if (from === undefined) leave.push(this.#anywhere.add(neighbour));
    leave.push(this.#name(neighbour));
    this.#leave.set(neighbour, leave);
  }

  #depart(neighbour: Neighbour): void {
    for (const leave of this.#leave.get(neighbour) ?? []) leave();
    this.#leave.delete(neighbour);
  }

  #settle(key: string, neighbour: Neighbour): () => void {
    const manners = this.#at.get(key) ?? new Manners();
    this.#at.set(key, manners);
    const leave = manners.add(neighbour);
    return () => {
      leave();
      if (manners.empty) this.#at.delete(key);
    };
  }

  #name(neighbour: Neighbour): () => void {
    const { remoteId, localId } = neighbour.config;
    const theirs = identityKey(identityPayload("idr", remoteId));
    const ours = identityKey(identityPayload("idi", localId));
    const row = this.#byIdentities.get(theirs) ?? new Map<string, Set<Neighbour>>();
    this.#byIdentities.set(theirs, row);
    const peers = row.get(ours) ?? new Set();
    row.set(ours, peers.add(neighbour));
    return () => {
      peers.delete(neighbour);
      if (peers.size === 0) row.delete(ours);
      if (row.size === 0) this.#byIdentities.delete(theirs);
    };
  }
}
