/**
 * Proposals by name, as an operator writes them:
 *   IKE  "<cipher>-<prf>-<group>"      chacha20poly1305-sha256-x25519
 *   ESP  "<cipher>[-<group>][-noesn]"  aes256gcm16-x25519
 * ESP offers 64-bit sequence numbers first and 32-bit ones too; with "-noesn" the latter only.
 */
import { ATTRIBUTE_KEY_LENGTH, ESN, PROTOCOL, TRANSFORM } from "../wire/iana.ts";
import type { Proposal, Transform } from "../wire/sa.ts";
import { SuiteError } from "./error.ts";
import { ENCRYPTIONS, type Encryption, GROUPS, type Group, PRFS, type Prf } from "./transform.ts";

export interface IkeProposal {
  readonly protocol: "ike";
  readonly name: string;
  readonly encryption: Encryption;
  readonly prf: Prf;
  readonly group: Group;
}

export interface EspProposal {
  readonly protocol: "esp";
  readonly name: string;
  readonly encryption: Encryption;
  /** Perfect forward secrecy: CREATE_CHILD_SA carries a KE payload of this group. IKE_AUTH never does (RFC 7296 §1.2). */
  readonly group: Group | undefined;
  /** ESN transform ids, most wanted first. */
  readonly esn: readonly number[];
}

function pick<T>(table: Readonly<Record<string, T>>, word: string | undefined): T | undefined {
  return word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined;
}

const ciphers = Object.keys(ENCRYPTIONS).join(", ");
const prfs = Object.keys(PRFS).join(", ");
const groups = Object.keys(GROUPS).join(", ");

/** Throws SuiteError "unknown-proposal". */
export function ikeProposal(name: string): IkeProposal {
  const words = name.split("-");
  const encryption = pick(ENCRYPTIONS, words[0]);
  const prf = pick(PRFS, words[1]);
  const group = pick(GROUPS, words[2]);
  if (words.length !== 3 || encryption === undefined || prf === undefined || group === undefined) {
    throw new SuiteError(
      "unknown-proposal",
      `"${name}" is no IKE proposal. Write <cipher>-<prf>-<group> with a cipher of ${ciphers}; a prf of ${prfs}; a group of ${groups}`,
    );
  }
  return { protocol: "ike", name, encryption, prf, group };
}

/** Throws SuiteError "unknown-proposal". */
export function espProposal(name: string): EspProposal {
  const words = name.split("-");
  const noesn = words.at(-1) === "noesn";
  if (noesn) words.pop();
  const encryption = pick(ENCRYPTIONS, words[0]);
  const group = pick(GROUPS, words[1]);
  if (encryption === undefined || words.length > 2 || (words.length === 2 && group === undefined)) {
    throw new SuiteError(
      "unknown-proposal",
      `"${name}" is no ESP proposal. Write <cipher>[-<group>][-noesn] with a cipher of ${ciphers}; a group of ${groups}`,
    );
  }
  return { protocol: "esp", name, encryption, group, esn: noesn ? [ESN.NO] : [ESN.YES, ESN.NO] };
}

export function encryptionTransform(encryption: Encryption): Transform {
  const { id, keyBits } = encryption;
  const attributes = keyBits === undefined ? [] : [{ type: ATTRIBUTE_KEY_LENGTH, value: keyBits }];
  return { type: TRANSFORM.ENCR, id, attributes };
}

export function plainTransform(type: number, id: number): Transform {
  return { type, id, attributes: [] };
}

/** Of one transform type, what a proposal allows, most wanted first. */
export interface Choices {
  readonly type: number;
  readonly transforms: readonly Transform[];
}

/** A proposal as transforms, grouped by type. `pfs` false leaves the group of an ESP proposal out. */
export function choicesOf(proposal: IkeProposal | EspProposal, pfs: boolean): Choices[] {
  const encryption = { type: TRANSFORM.ENCR, transforms: [encryptionTransform(proposal.encryption)] };
  const one = (type: number, id: number): Choices => ({ type, transforms: [plainTransform(type, id)] });
  if (proposal.protocol === "ike") {
    return [encryption, one(TRANSFORM.PRF, proposal.prf.id), one(TRANSFORM.KE, proposal.group.id)];
  }
  const esn = { type: TRANSFORM.ESN, transforms: proposal.esn.map((id) => plainTransform(TRANSFORM.ESN, id)) };
  if (!pfs || proposal.group === undefined) return [encryption, esn];
  return [encryption, one(TRANSFORM.KE, proposal.group.id), esn];
}

export interface OfferOptions {
  /** ESP: put the group in. True in CREATE_CHILD_SA (the default), false in IKE_AUTH. No meaning for IKE. */
  readonly pfs?: boolean;
}

/**
 * Our proposals for an SA payload, numbered from 1, most wanted first. `spi`: our inbound SPI; empty in IKE_SA_INIT, 8 bytes
 * when an IKE SA is rekeyed, 4 bytes for ESP.
 */
export function offer(
  proposals: readonly (IkeProposal | EspProposal)[],
  spi: Uint8Array,
  options: OfferOptions = {},
): Proposal[] {
  return proposals.map((proposal, i) => ({
    number: i + 1,
    protocol: proposal.protocol === "ike" ? PROTOCOL.IKE : PROTOCOL.ESP,
    spi,
    transforms: choicesOf(proposal, options.pfs ?? true).flatMap((choices) => choices.transforms),
  }));
}
