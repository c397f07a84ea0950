/** Choosing one suite out of an offer, and checking what a responder chose: RFC 7296 §2.7, §3.3.6. */
import { ESN, INTEG, KE, PROTOCOL, TRANSFORM } from "../wire/iana.ts";
import type { Proposal, Transform } from "../wire/sa.ts";
import { choicesOf, type EspProposal, type IkeProposal, type OfferOptions } from "./proposal.ts";
import type { Encryption, Group, Prf } from "./transform.ts";

interface Selected {
  /** Number of the proposal in the offer. */
  readonly number: number;
  /** The peer's SPI: 4 bytes ESP, 8 IKE rekey, empty in IKE_SA_INIT. */
  readonly spi: Uint8Array;
  /** One transform of each type, for the answer. */
  readonly transforms: readonly Transform[];
  /** Name of our proposal that it came from. */
  readonly name: string;
  readonly encryption: Encryption;
}

export interface IkeSelection extends Selected {
  readonly protocol: "ike";
  readonly prf: Prf;
  readonly group: Group;
}

export interface EspSelection extends Selected {
  readonly protocol: "esp";
  /** There: the exchange carries KE payloads of this group. */
  readonly group: Group | undefined;
  /** 64-bit sequence numbers. */
  readonly esn: boolean;
}

export type SelectionOf<P> = P extends IkeProposal ? IkeSelection : EspSelection;

export interface SelectOptions extends OfferOptions {
  /** Length of the SPI that each proposal must carry. Default: 4 for ESP, 0 for IKE; 8 when an IKE SA is rekeyed. */
  readonly spiLength?: number;
}

function same(a: Transform, b: Transform): boolean {
  // We know one attribute, in the short form. A transform with any other is unacceptable (§3.3.6), as is one that lacks it.
  return (
    a.type === b.type &&
    a.id === b.id &&
    a.attributes.length === b.attributes.length &&
    a.attributes.every(({ type, value }, i) => type === b.attributes[i].type && value === b.attributes[i].value)
  );
}

/** "Without" of an optional type: an AEAD goes with no integrity transform (RFC 5282 §8), a Child SA with no group. */
function isNone(transform: Transform): boolean {
  return (
    transform.attributes.length === 0 &&
    ((transform.type === TRANSFORM.INTEG && transform.id === INTEG.NONE) ||
      (transform.type === TRANSFORM.KE && transform.id === KE.NONE))
  );
}

/**
 * One transform for each type that the offered proposal has, or `undefined`. A type that we have no choice for is answered
 * with NONE when that is offered, else the proposal is refused; so is one that lacks a type we need, or has one we don't know.
 */
function match(
  offered: Proposal,
  wanted: IkeProposal | EspProposal,
  pfs: boolean,
): { readonly transforms: Transform[]; readonly esn: boolean } | undefined {
  const choices = choicesOf(wanted, pfs);
  const byType = new Map<number, Transform[]>();
  for (const transform of offered.transforms) {
    const row = byType.get(transform.type);
    if (row === undefined) byType.set(transform.type, [transform]);
    else row.push(transform);
  }
  // IKE_AUTH has no KE payload: a group in its proposals has no meaning there (§1.2) and is not answered.
  if (wanted.protocol === "esp" && !pfs) byType.delete(TRANSFORM.KE);
  const transforms: Transform[] = [];
  let esn = false;
  for (const { type, transforms: allowed } of choices) {
    const row = byType.get(type);
    const found = row && allowed.find((transform) => row.some((other) => same(other, transform)));
    if (found === undefined) return undefined;
    if (type === TRANSFORM.ESN) esn = found.id === ESN.YES;
    transforms.push(found);
    byType.delete(type);
  }
  for (const row of byType.values()) {
    const none = row.find(isNone);
    if (none === undefined) return undefined;
    transforms.push(none);
  }
  return { transforms, esn };
}

function fits(proposal: Proposal, wanted: IkeProposal | EspProposal, options: SelectOptions): boolean {
  const protocol = wanted.protocol === "ike" ? PROTOCOL.IKE : PROTOCOL.ESP;
  const spiLength = options.spiLength ?? (wanted.protocol === "ike" ? 0 : 4);
  return proposal.protocol === protocol && proposal.spi.length === spiLength;
}

function selection(
  offered: Proposal,
  wanted: IkeProposal | EspProposal,
  options: SelectOptions,
): IkeSelection | EspSelection | undefined {
  const pfs = options.pfs ?? true;
  const matched = fits(offered, wanted, options) ? match(offered, wanted, pfs) : undefined;
  if (matched === undefined) return undefined;
  const { number, spi } = offered;
  const { name, encryption } = wanted;
  const { transforms, esn } = matched;
  if (wanted.protocol === "ike") {
    const { prf, group } = wanted;
    return { protocol: "ike", number, spi, transforms, name, encryption, prf, group };
  }
  return { protocol: "esp", number, spi, transforms, name, encryption, group: pfs ? wanted.group : undefined, esn };
}

/**
 * The responder's choice: the first of `wanted` (our order counts, not the peer's) that some offered proposal allows, with one
 * transform of each type. `undefined`: NO_PROPOSAL_CHOSEN.
 */
export function selectProposal<P extends IkeProposal | EspProposal>(
  offered: readonly Proposal[],
  wanted: readonly P[],
  options: SelectOptions = {},
): SelectionOf<P> | undefined {
  for (const ours of wanted) {
    for (const theirs of offered) {
      const selected = selection(theirs, ours, options);
      if (selected !== undefined) return selected as SelectionOf<P>;
    }
  }
  return undefined;
}

/** The SA payload's only proposal in the answer; `spi` is our inbound SPI. */
export function answerProposal(selected: IkeSelection | EspSelection, spi: Uint8Array): Proposal {
  return {
    number: selected.number,
    protocol: selected.protocol === "ike" ? PROTOCOL.IKE : PROTOCOL.ESP,
    spi,
    transforms: selected.transforms,
  };
}

/**
 * What the responder chose of our `offer(offered, …)`; `undefined` when the answer is not one of its proposals, with exactly
 * one transform of each of its types: then the exchange has failed (§2.7). `options` as for the offer.
 */
export function matchAnswer<P extends IkeProposal | EspProposal>(
  answer: readonly Proposal[],
  offered: readonly P[],
  options: SelectOptions = {},
): SelectionOf<P> | undefined {
  if (answer.length !== 1) return undefined;
  const [chosen] = answer;
  const ours = offered[chosen.number - 1];
  if (ours === undefined) return undefined;
  const types = new Set(chosen.transforms.map((transform) => transform.type));
  if (types.size !== chosen.transforms.length) return undefined;
  return selection(chosen, ours, options) as SelectionOf<P> | undefined;
}
