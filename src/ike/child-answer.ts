/**
 * Our answer as responder to who asks for a Child SA: in IKE_AUTH, for a new Child SA and for a rekeyed one (RFC 7296 §1.2,
 * §1.3.1, §1.3.3).
 */
import { Child, type ChildTerms, childKey, MAX_COPIES } from "./child.ts";
import type { TrafficSelector } from "./effect.ts";
import { FIRST_SPI, groupData, NONCE_LENGTH, type Nonces, noRoom, resourceInfo, secretOf } from "./negotiation.ts";
import type { Neighbour } from "./neighbour.ts";
import { espSpiBytes, espSpiOf, lower } from "./octets.ts";
import type { ChildConfig } from "./peer.ts";
import { missing, Refusal } from "./refusal.ts";
import type { IkeSa } from "./sa.ts";
import { narrow, sameSelector, selectorsText } from "./selector.ts";
import { answerProposal, childKeys, generateKeyPair, selectProposal, wipe } from "./suite/index.ts";
import { NOTIFY, type Payload, payloadOf, payloadsOf } from "./wire/index.ts";

/** Child SAs that a peer may ask for beyond eight for each that is configured; those that still open late packets count. */
const SPARE_CHILDREN = 64;

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
  const spi = crowded ? undefined : realm.environment.reserveSpi(neighbour.name, copy, copy > 0 && !replaces);
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
