/** Requests of the peer: which exchange answers them, and what becomes of an error (RFC 7296 §2.21). */
import { Refusal } from "../refusal.ts";
import type { IkeSa } from "../sa.ts";
import {
  EXCHANGE,
  NOTIFY,
  notifyOf,
  type OpenMessage,
  PROTOCOL,
  payloadOf,
  payloadsOf,
  WireError,
} from "../wire/index.ts";
import { answerChildCreate } from "./child-create.ts";
import { answerChildRekey } from "./child-rekey.ts";
import { answerAuth } from "./ike-auth.ts";
import { answerIkeRekey } from "./ike-rekey.ts";
import { answerInformational } from "./informational.ts";
import type { Answer } from "./task.ts";

/** Answers an authentic request that fits the state of its IKE SA. */
export function answerRequest(sa: IkeSa, message: OpenMessage): Answer {
  try {
    return answerBy(sa, message);
  } catch (error) {
    if (error instanceof WireError) return giveUp(sa, error.message);
    if (!(error instanceof Refusal)) throw error;
    return refuse(sa, error);
  }
}

function answerBy(sa: IkeSa, message: OpenMessage): Answer {
  const { header, payloads, unknownCritical } = message;
  if (unknownCritical.length > 0) {
    const type = unknownCritical[0];
    const text = `The peer insists on a payload of type ${type} that this router does not know (RFC 7296 §2.5).`;
    const data = Uint8Array.of(type);
    throw new Refusal(NOTIFY.UNSUPPORTED_CRITICAL_PAYLOAD, "critical-payload", text, { data });
  }
  switch (header.exchange) {
    case EXCHANGE.IKE_AUTH:
      return answerAuth(sa, payloads);
    case EXCHANGE.CREATE_CHILD_SA: {
      if (payloadsOf(payloads, "notify").some((payload) => payload.notify === NOTIFY.REKEY_SA)) {
        return answerChildRekey(sa, payloads);
      }
      const ike = payloadOf(payloads, "sa")?.proposals.some((proposal) => proposal.protocol === PROTOCOL.IKE);
      return ike === true ? answerIkeRekey(sa, payloads) : answerChildCreate(sa, payloads);
    }
    default:
      return answerInformational(sa, payloads);
  }
}

/** The error goes to the peer; a stranger's IKE SA ends with it. */
function refuse(sa: IkeSa, refusal: Refusal): Answer {
  if (refusal.notify === NOTIFY.INVALID_SYNTAX) return giveUp(sa, refusal.message);
  const { realm, neighbour } = sa;
  realm.count(refusal.counter);
  const payloads = [refusal.payload()];
  if (sa.state === "half-open") {
    realm.notice(refusal.counter, refusal.message, neighbour?.name);
    return { payloads, after: () => sa.end() };
  }
  if (refusal.notify !== NOTIFY.TEMPORARY_FAILURE && refusal.notify !== NOTIFY.INVALID_KE_PAYLOAD) {
    realm.event("warn", refusal.counter, refusal.message, neighbour?.name);
    if (neighbour !== undefined) neighbour.lastError = refusal.message;
  }
  return { payloads };
}

/** The peer's authentic request contradicts itself: it is told, and both sides give the IKE SA up (RFC 7296 §2.21.3). */
export function giveUp(sa: IkeSa, why: string): Answer {
  sa.realm.count("invalid-syntax");
  const text = `A request of the peer makes no sense: ${why}. The IKE SA ends.`;
  return {
    payloads: [notifyOf(NOTIFY.INVALID_SYNTAX)],
    after: () => {
      const { neighbour } = sa;
      if (neighbour?.current === sa) return neighbour.down(sa, "error", "invalid-syntax", text);
      sa.realm.notice("invalid-syntax", text, neighbour?.name);
      sa.end();
    },
  };
}
