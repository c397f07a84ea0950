/** Finds peers among thousands: by the identity that one claims, and by the address that one comes from. */
import { identityKey, identityPayload } from "./identity.ts";
import type { Neighbour } from "./neighbour.ts";
import type { IkeProposal } from "./suite/index.ts";

/** What may be said to somebody who comes from an address, before he has said who he is. */
export interface Callers {
  /** Proposals of all peers that he may be, of those who live there first. */
  readonly proposals: readonly IkeProposal[];
  /** Some of them shall be made to put ESP into UDP. */
  readonly encapsulate: boolean;
}

interface Entry {
  readonly identity: string;
  readonly addresses: readonly string[];
}

export class Directory {
  readonly #entries = new Map<Neighbour, Entry>();
  readonly #byIdentity = new Map<string, Set<Neighbour>>();
  /** Where a peer must come from, or where we would look for it. */
  readonly #byAddress = new Map<string, Set<Neighbour>>();
  /** Peers that may come from anywhere, and what may be said to any of them; undefined: to be found out anew. */
  readonly #anywhere = new Set<Neighbour>();
  #toAnyone: Callers | undefined;

  /** Also when its configuration has changed. */
  add(neighbour: Neighbour): void {
    this.delete(neighbour);
    const { from, remote, remoteId } = neighbour.config;
    const homes = from ?? (remote === undefined ? [] : [remote.address]);
    const entry = { identity: identityKey(identityPayload("idi", remoteId)), addresses: homes.map(hexOf) };
    this.#entries.set(neighbour, entry);
    put(this.#byIdentity, entry.identity, neighbour);
    for (const address of entry.addresses) put(this.#byAddress, address, neighbour);
    if (from === undefined) {
      this.#anywhere.add(neighbour);
      this.#toAnyone = undefined;
    }
  }

  delete(neighbour: Neighbour): void {
    const entry = this.#entries.get(neighbour);
    if (entry === undefined) return;
    this.#entries.delete(neighbour);
    take(this.#byIdentity, entry.identity, neighbour);
    for (const address of entry.addresses) take(this.#byAddress, address, neighbour);
    if (this.#anywhere.delete(neighbour)) this.#toAnyone = undefined;
  }

  /** Peers that must prove this identity. */
  called(identity: { readonly idType: number; readonly data: Uint8Array }): Neighbour[] {
    return [...(this.#byIdentity.get(identityKey(identity)) ?? [])];
  }

  /** Who may be calling from this address; undefined: nobody may. */
  callers(address: Uint8Array): Callers | undefined {
    const home = this.#byAddress.get(hexOf(address));
    if (home === undefined && this.#anywhere.size === 0) return undefined;
    this.#toAnyone ??= together([...this.#anywhere]);
    if (home === undefined) return this.#toAnyone;
    return together([...home], this.#toAnyone);
  }
}

function together(neighbours: readonly Neighbour[], others?: Callers): Callers {
  const byName = new Map<string, IkeProposal>();
  for (const { ikeProposals } of neighbours) for (const proposal of ikeProposals) byName.set(proposal.name, proposal);
  for (const proposal of others?.proposals ?? []) byName.set(proposal.name, proposal);
  return {
    proposals: [...byName.values()],
    encapsulate: others?.encapsulate || neighbours.some(({ config }) => config.encapsulation === "always"),
  };
}

function hexOf(address: Uint8Array): string {
  return Buffer.from(address).toString("hex");
}

function put(index: Map<string, Set<Neighbour>>, key: string, neighbour: Neighbour): void {
  const there = index.get(key);
  if (there === undefined) index.set(key, new Set([neighbour]));
  else there.add(neighbour);
}

function take(index: Map<string, Set<Neighbour>>, key: string, neighbour: Neighbour): void {
  const there = index.get(key);
  there?.delete(neighbour);
  if (there?.size === 0) index.delete(key);
}
