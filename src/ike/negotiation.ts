/**
 * The terms of one Child SA: proposals, selectors, key exchange. The same in IKE_AUTH, for a new Child SA and for a rekeyed
 * one (RFC 7296 §1.2, §1.3.1, §1.3.3).
 */
import { Child, type ChildTerms, childKey, MAX_COPIES } from "./child.ts";
import type { TrafficSelector } from "./effect.ts";
import type { Neighbour } from "./neighbour.ts";
import { espSpiBytes, espSpiOf, lower } from "./octets.ts";
import type { ChildConfig } from "./peer.ts";
import { missing, Refusal } from "./refusal.ts";
import type { IkeSa } from "./sa.ts";
import { copy, narrow, sameSelector, selectorsText, within } from "./selector.ts";
import {
  answerProposal,
  type ChildKeys,
  childKeys,
  type EspProposal,
  type EspSelection,
  type Group,
  generateKeyPair,
  type KeyPair,
  matchAnswer,
  offer,
  SuiteError,
  selectProposal,
  sharedSecret,
  wipe,
} from "./suite/index.ts";
import { groupData, NONCE_LENGTH } from "./task/ike-init.ts";
import { NOTIFY, notifyOf, type Payload, payloadOf, payloadsOf } from "./wire/index.ts";

/** Of what an offer is made beside the child's configuration. */
export interface OfferTerms {
  /** Which of the Child SAs of its name. */
  readonly copy: number;
  /** This is CREATE_CHILD_SA, which may have a key exchange of its own. */
  readonly pfs: boolean;
  /** The key exchange method that the responder asked for. */
  readonly group?: Group | undefined;
}

export interface Nonces {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
}

/** ESP SPIs below are reserved (RFC 4303 §2.1). */
const FIRST_SPI = 256;
/** Child SAs that a peer may ask for beyond eight for each that is configured; those that still open late packets count. */
const SPARE_CHILDREN = 64;

function noRoom(): Refusal {
  const text = "No slot for another Child SA is free. Raise the number of SAs or delete what is not used.";
  return new Refusal(NOTIFY.NO_ADDITIONAL_SAS, "no-additional-sas", text);
}

/** g^ir of a CREATE_CHILD_SA exchange. */
function secretOf(pair: KeyPair, theirs: Uint8Array): Uint8Array {
  try {
    return sharedSecret(pair, theirs);
  } catch (error) {
    if (!(error instanceof SuiteError)) throw error;
    throw new Refusal(NOTIFY.NO_PROPOSAL_CHOSEN, "invalid-ke", `${error.message}. Look into the peer's log.`);
  } finally {
    wipe(pair.secretKey);
  }
}

/** "One of several Child SAs with the same selectors, each for a resource of its own" (RFC 9611 §4, §5.1). The data is free; ours is empty. */
function resourceInfo(): Payload {
  return notifyOf(NOTIFY.SA_RESOURCE_INFO);
}

function hasResourceInfo(payloads: readonly Payload[]): boolean {
  return payloadsOf(payloads, "notify").some(({ notify }) => notify === NOTIFY.SA_RESOURCE_INFO);
}

/**
 * Which copy the Child SA is that the peer asks for: one more beside the first when the peer says so, and never one that we are
 * asking for ourselves at this moment. Throws TS_MAX_QUEUE when there are as many as there can be (RFC 9611 §5.2).
 */
function copyFor(sa: IkeSa, neighbour: Neighbour, name: string, payloads: readonly Payload[]): number {
  const { children } = neighbour;
  if (!hasResourceInfo(payloads) || children.up(childKey(name, 0)) === undefined) return 0;
  const asked = sa.window.waiting?.key;
  for (let copy = 1; copy < MAX_COPIES; copy++) {
    const key = childKey(name, copy);
    if (key !== asked && !children.has(key)) return copy;
  }
  const text = `${neighbour.title} wants more than ${MAX_COPIES} of Child SA ${name}.`;
  throw new Refusal(NOTIFY.TS_MAX_QUEUE, "no-additional-sas", text);
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
    const spi = sa.realm.environment.reserveSpi(neighbour.name, terms.copy);
    if (spi !== undefined) return new ChildOffer(sa, neighbour, config, spi, terms);
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

export interface Accepted {
  readonly child: Child;
  readonly payloads: Payload[];
}

/**
 * Our answer as responder; the Child SA is handed to the datapath. `nonces`: those of IKE_SA_INIT, else the request has one.
 * `pfs`: this is CREATE_CHILD_SA. Throws Refusal.
 */
export function acceptChild(
  sa: IkeSa,
  neighbour: Neighbour,
  payloads: readonly Payload[],
  how: { readonly pfs: boolean; readonly nonces?: Nonces; readonly replaces?: Child },
): Accepted {
  const { realm } = sa;
  const { pfs, replaces } = how;
  const asked = payloadOf(payloads, "sa");
  const tsi = payloadOf(payloads, "tsi");
  const tsr = payloadOf(payloads, "tsr");
  const ni = how.nonces?.ni ?? payloadOf(payloads, "nonce")?.data;
  if (!asked || !tsi || !tsr || ni === undefined) throw missing("SA, TSi, TSr or nonce payload");
  const { config, local, remote } = agreeSelectors(neighbour, tsr.selectors, tsi.selectors, replaces);
  const wanted = neighbour.espProposals(config);
  const selection = selectProposal(asked.proposals, wanted, { pfs });
  if (selection === undefined || espSpiOf(selection.spi) < FIRST_SPI) {
    const text = `${neighbour.title} proposes no ESP suite for Child SA ${config.name} that is accepted here (${config.espProposals.join(", ")}). Configure a common one.`;
    throw new Refusal(NOTIFY.NO_PROPOSAL_CHOSEN, "no-proposal", text);
  }
  const copy = replaces?.copy ?? copyFor(sa, neighbour, config.name, payloads);
  const { group } = selection;
  const ke = payloadOf(payloads, "ke");
  if (group !== undefined && ke?.group !== group.id) {
    const text = `${neighbour.title} is asked to begin again with the key exchange method ${group.name}.`;
    throw new Refusal(NOTIFY.INVALID_KE_PAYLOAD, "invalid-ke", text, { data: groupData(group) });
  }
  const pair = group && generateKeyPair(group, (n) => realm.random(n));
  const shared = pair && secretOf(pair, ke!.data);
  const wantedHere = neighbour.config.children.reduce((sum, { copies = 1 }) => sum + copies, 0);
  const crowded = neighbour.children.installed >= SPARE_CHILDREN + 8 * wantedHere;
  const spi = crowded ? undefined : realm.environment.reserveSpi(neighbour.name, copy);
  if (spi === undefined) throw noRoom();
  const nr = how.nonces?.nr ?? realm.random(NONCE_LENGTH);
  const keys = childKeys(sa.selection!.prf, sa.d, selection.encryption, ni, nr, shared);
  wipe(shared);
  const terms: ChildTerms = {
    config,
    copy,
    spiIn: spi,
    spiOut: espSpiOf(selection.spi),
    cipher: selection.encryption.name,
    esn: selection.esn,
    local,
    remote,
    lowest: lower(ni, nr).slice(),
    ours: false,
    replaces,
  };
  const child = new Child(realm, sa, terms);
  // Whoever can ask us anything under a new IKE SA has got the answer to IKE_AUTH.
  if (!pfs) child.confirmed = true;
  neighbour.provision.answered(child, keys);
  return {
    child,
    payloads: [
      ...(hasResourceInfo(payloads) ? [resourceInfo()] : []),
      { kind: "sa", proposals: [answerProposal(selection, espSpiBytes(spi))] },
      ...(pfs ? [{ kind: "nonce", data: nr } as const] : []),
      ...(pair === undefined ? [] : [{ kind: "ke", group: pair.group.id, data: pair.publicKey } as const]),
      { kind: "tsi", selectors: remote },
      { kind: "tsr", selectors: local },
    ],
  };
}

/** The configured child that fits what the initiator offers, and what both have in common (RFC 7296 §2.9). */
function agreeSelectors(
  neighbour: Neighbour,
  ours: readonly TrafficSelector[],
  theirs: readonly TrafficSelector[],
  replaces: Child | undefined,
): { readonly config: ChildConfig; readonly local: TrafficSelector[]; readonly remote: TrafficSelector[] } {
  const { children } = neighbour.config;
  const same = replaces && children.find((config) => config.name === replaces.name);
  const possible = same === undefined ? children : [same];
  const fitting = possible
    .map((config) => ({ config, local: narrow(config.local, ours), remote: narrow(config.remote, theirs) }))
    .filter(({ local, remote }) => local.length > 0 && remote.length > 0);
  const equalTo = (a: readonly TrafficSelector[], b: readonly TrafficSelector[]) =>
    a.length === b.length && a.every((selector) => b.some((other) => sameSelector(selector, other)));
  const exact = fitting.find(({ config }) => equalTo(config.local, ours) && equalTo(config.remote, theirs));
  const found = exact ?? fitting[0];
  if (found !== undefined) return found;
  const text = `${neighbour.title} offers selectors ${selectorsText(theirs)} to ${selectorsText(ours)}; none overlaps with a Child SA configured here. Compare the selectors of both sides.`;
  throw new Refusal(NOTIFY.TS_UNACCEPTABLE, "ts-unacceptable", text);
}
