/**
 * What we offer for a Child SA as initiator, and what comes of the answer: proposals, selectors, key exchange. The same in
 * IKE_AUTH, for a new Child SA and for a rekeyed one (RFC 7296 §1.2, §1.3.1, §1.3.3).
 */
import type { Child, ChildTerms } from "./child.ts";
import { FIRST_SPI, NONCE_LENGTH, type Nonces, noRoom, resourceInfo, secretOf } from "./negotiation.ts";
import type { Neighbour } from "./neighbour.ts";
import { espSpiBytes, espSpiOf, lower } from "./octets.ts";
import type { ChildConfig } from "./peer.ts";
import { Refusal } from "./refusal.ts";
import type { IkeSa } from "./sa.ts";
import { copy, within } from "./selector.ts";
import {
  type ChildKeys,
  childKeys,
  type EspProposal,
  type EspSelection,
  type Group,
  generateKeyPair,
  type KeyPair,
  matchAnswer,
  offer,
  wipe,
} from "./suite/index.ts";
import { NOTIFY, type Payload, payloadOf } from "./wire/index.ts";

/** Of what an offer is made beside the child's configuration. */
export interface OfferTerms {
  /** Which of the Child SAs of its name. */
  readonly copy: number;
  /** It takes the place of an older one. */
  readonly rekeys?: boolean;
  /** This is CREATE_CHILD_SA, which may have a key exchange of its own. */
  readonly pfs: boolean;
  /** The key exchange method that the responder asked for. */
  readonly group?: Group | undefined;
}

/** What we offer as initiator of an exchange, and what comes of the answer. */
export class ChildOffer {
  readonly config: ChildConfig;
  readonly copy: number;
  readonly spi: number;
  readonly pfs: boolean;
  /** Ni of a CREATE_CHILD_SA; IKE_AUTH has that of IKE_SA_INIT. */
  readonly nonce: Uint8Array;
  readonly #neighbour: Neighbour;
  readonly #proposals: readonly EspProposal[];
  readonly #pair: KeyPair | undefined;
  #released = false;

  private constructor(
    sa: IkeSa,
    neighbour: Neighbour,
    config: ChildConfig,
    spi: number,
    { copy, pfs, group }: OfferTerms,
  ) {
    this.config = config;
    this.copy = copy;
    this.spi = spi;
    this.pfs = pfs;
    this.nonce = sa.realm.random(NONCE_LENGTH);
    this.#neighbour = neighbour;
    this.#proposals = neighbour.espProposals(config);
    const first = group ?? this.#proposals.find((proposal) => proposal.group !== undefined)?.group;
    this.#pair = pfs && first !== undefined ? generateKeyPair(first, (n) => sa.realm.random(n)) : undefined;
  }

  /** Undefined: no SPI is free (an event says so). */
  static make(sa: IkeSa, neighbour: Neighbour, config: ChildConfig, terms: OfferTerms): ChildOffer | undefined {
    const more = terms.copy > 0 && terms.rekeys !== true;
    const spi = sa.realm.environment.reserveSpi(neighbour.name, terms.copy, more);
    if (spi !== undefined) return new ChildOffer(sa, neighbour, config, spi, terms);
    if (more) {
      const text = `There is no room for more than ${terms.copy} of Child SA ${config.name} with ${neighbour.title}; the workers share.`;
      sa.realm.event("info", "child-shared", text, neighbour.name);
      return undefined;
    }
    sa.realm.count("no-additional-sas");
    sa.realm.event("error", "no-additional-sas", noRoom().message, neighbour.name);
    return undefined;
  }

  get group(): Group | undefined {
    return this.#pair?.group;
  }

  /** Could we use this group instead? */
  allows(group: Group): boolean {
    return this.#proposals.some((proposal) => proposal.group === group);
  }

  payloads(): Payload[] {
    const { config, copy, pfs } = this;
    const pair = this.#pair;
    return [
      ...(copy > 0 || (config.copies ?? 1) > 1 ? [resourceInfo()] : []),
      { kind: "sa", proposals: offer(this.#proposals, espSpiBytes(this.spi), { pfs }) },
      ...(pfs ? [{ kind: "nonce", data: this.nonce } as const] : []),
      ...(pair === undefined ? [] : [{ kind: "ke", group: pair.group.id, data: pair.publicKey } as const]),
      { kind: "tsi", selectors: config.local },
      { kind: "tsr", selectors: config.remote },
    ];
  }

  /** The responder's terms and the keys. Throws Refusal when the answer is not one to our offer. The offer is used up. */
  agree(
    sa: IkeSa,
    payloads: readonly Payload[],
    initial: Nonces | undefined,
    replaces: Child | undefined,
  ): { readonly terms: ChildTerms; readonly keys: ChildKeys } {
    const { config, pfs } = this;
    const wrong = (what: string) =>
      new Refusal(NOTIFY.NO_PROPOSAL_CHOSEN, "no-proposal", `The peer's answer for Child SA ${config.name} ${what}`);
    const answer = payloadOf(payloads, "sa");
    const tsi = payloadOf(payloads, "tsi");
    const tsr = payloadOf(payloads, "tsr");
    const nr = initial?.nr ?? payloadOf(payloads, "nonce")?.data;
    if (!answer || !tsi || !tsr || nr === undefined) throw wrong("is not complete.");
    const selection = matchAnswer(answer.proposals, this.#proposals, { pfs });
    if (selection === undefined) throw wrong("is not one of our proposals.");
    const spiOut = espSpiOf(selection.spi);
    if (spiOut < FIRST_SPI) throw wrong(`has the reserved SPI ${spiOut}.`);
    if (!within(tsi.selectors, config.local) || !within(tsr.selectors, config.remote)) {
      throw wrong("has traffic selectors that we did not offer.");
    }
    const shared = this.#shared(selection, payloads, wrong);
    const nonces = initial ?? { ni: this.nonce, nr };
    const keys = childKeys(sa.selection!.prf, sa.d, selection.encryption, nonces.ni, nonces.nr, shared);
    wipe(shared);
    this.#released = true;
    wipe(this.#pair?.secretKey);
    const terms: ChildTerms = {
      config,
      copy: this.copy,
      spiIn: this.spi,
      spiOut,
      cipher: selection.encryption.name,
      esn: selection.esn,
      local: tsi.selectors.map(copy),
      remote: tsr.selectors.map(copy),
      lowest: lower(nonces.ni, nonces.nr).slice(),
      ours: true,
      replaces,
    };
    return { terms, keys };
  }

  #shared(
    selection: EspSelection,
    payloads: readonly Payload[],
    wrong: (what: string) => Refusal,
  ): Uint8Array | undefined {
    if (selection.group === undefined) return undefined;
    const ke = payloadOf(payloads, "ke");
    const pair = this.#pair;
    if (pair?.group !== selection.group || ke?.group !== selection.group.id) {
      throw wrong("lacks the public value of its key exchange.");
    }
    return secretOf(pair, ke.data);
  }

  /** It came to nothing: gives the SPI back and forgets the secret. */
  release(): void {
    wipe(this.#pair?.secretKey);
    if (this.#released) return;
    this.#released = true;
    this.#neighbour.realm.environment.releaseSpi(this.spi);
  }
}
