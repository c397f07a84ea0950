/**
 * The chain of payloads, RFC 7296 §3.2. Each begins with a generic header: type of the next payload (1), critical bit and
 * reserved (1), length with the header (2).
 */
import { type AuthPayload, emitAuth, parseAuth } from "./auth.ts";
import { type CertPayload, emitCert, parseCert } from "./cert.ts";
import { type CertReqPayload, emitCertReq, parseCertReq } from "./certreq.ts";
import { type DeletePayload, emitDelete, parseDelete } from "./delete.ts";
import { type EncryptedPayload, parseEncrypted } from "./encrypted.ts";
import { WireError } from "./error.ts";
import { type FragmentPayload, parseFragment } from "./fragment.ts";
import { PAYLOAD } from "./iana.ts";
import { emitId, type IdPayload, parseId } from "./id.ts";
import { emitKe, type KePayload, parseKe } from "./ke.ts";
import { emitNonce, type NoncePayload, parseNonce } from "./nonce.ts";
import { emitNotify, type NotifyPayload, parseNotify } from "./notify.ts";
import { emitOpaque, OPAQUE_TYPES, type OpaquePayload, parseOpaque } from "./opaque.ts";
import { emitSa, parseSa, type SaPayload } from "./sa.ts";
import { emitTs, parseTs, type TsPayload } from "./ts.ts";
import { emitVendor, parseVendor, type VendorPayload } from "./vendor.ts";
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

/** Payloads in one chain, skipped ones included. */
export const MAX_PAYLOADS = 128;

/** Payloads that can stand in the clear or inside an Encrypted payload. Byte fields are views on the message. */
export type Payload =
  | SaPayload
  | KePayload
  | IdPayload
  | CertPayload
  | CertReqPayload
  | AuthPayload
  | NoncePayload
  | NotifyPayload
  | DeletePayload
  | VendorPayload
  | TsPayload
  | OpaquePayload;

/** What holds other payloads, encrypted: the last one of its message. */
export type Wrapper = EncryptedPayload | FragmentPayload;

export interface Chain {
  readonly payloads: readonly Payload[];
  readonly wrapper?: Wrapper;
  /** Types that we don't know and whose sender set the critical bit: answer UNSUPPORTED_CRITICAL_PAYLOAD (§2.5). */
  readonly unknownCritical: readonly number[];
}

const HEADER = 4;
const CRITICAL = 0x80;

/** One row per payload type that we look into. */
const PARSERS = new Map<number, (view: View) => Payload>([
  [PAYLOAD.SA, parseSa],
  [PAYLOAD.KE, parseKe],
  [PAYLOAD.IDi, (view) => parseId("idi", view)],
  [PAYLOAD.IDr, (view) => parseId("idr", view)],
  [PAYLOAD.CERT, parseCert],
  [PAYLOAD.CERTREQ, parseCertReq],
  [PAYLOAD.AUTH, parseAuth],
  [PAYLOAD.NONCE, parseNonce],
  [PAYLOAD.NOTIFY, parseNotify],
  [PAYLOAD.DELETE, parseDelete],
  [PAYLOAD.VENDOR, parseVendor],
  [PAYLOAD.TSi, (view) => parseTs("tsi", view)],
  [PAYLOAD.TSr, (view) => parseTs("tsr", view)],
  ...OPAQUE_TYPES.map((type) => [type, (view: View) => parseOpaque(type, view)] as const),
]);

/**
 * Reads payloads from `view` to its end, the first of type `first`. `inside`: this is the content of an Encrypted payload,
 * which must not hold another one. Throws WireError.
 */
export function parseChain(view: View, first: number, inside: boolean): Chain {
  const payloads: Payload[] = [];
  const unknownCritical: number[] = [];
  let wrapper: Wrapper | undefined;
  let type = first;
  for (let count = 0; type !== PAYLOAD.NONE; count++) {
    const at = view.offset;
    if (count === MAX_PAYLOADS) throw new WireError("limit", at, `More than ${MAX_PAYLOADS} payloads`);
    const next = view.u8("A payload's header");
    const critical = (view.u8("A payload's header") & CRITICAL) !== 0;
    const length = view.u16("A payload's header");
    if (length < HEADER)
      throw new WireError("length", at, `A payload of ${length} bytes; its header alone has ${HEADER}`);
    const body = view.inner(length - HEADER, `Payload ${type}`);
    if (type === PAYLOAD.SK || type === PAYLOAD.SKF) {
      if (inside) throw new WireError("order", at, "An Encrypted payload inside an Encrypted payload");
      // Its "next" speaks of what is inside, so the chain ends here and so must the message.
      wrapper = type === PAYLOAD.SK ? parseEncrypted(next, body) : parseFragment(next, body);
      break;
    }
    const parse = PARSERS.get(type);
    if (parse !== undefined) payloads.push(parse(body));
    else if (critical) unknownCritical.push(type);
    type = next;
  }
  view.done("The chain of payloads");
  return wrapper === undefined ? { payloads, unknownCritical } : { payloads, wrapper, unknownCritical };
}

/** Number of a payload's type, for the "next" field in front of it. */
export function typeOf(payload: Payload): number {
  switch (payload.kind) {
    case "sa":
      return PAYLOAD.SA;
    case "ke":
      return PAYLOAD.KE;
    case "idi":
      return PAYLOAD.IDi;
    case "idr":
      return PAYLOAD.IDr;
    case "cert":
      return PAYLOAD.CERT;
    case "certreq":
      return PAYLOAD.CERTREQ;
    case "auth":
      return PAYLOAD.AUTH;
    case "nonce":
      return PAYLOAD.NONCE;
    case "notify":
      return PAYLOAD.NOTIFY;
    case "delete":
      return PAYLOAD.DELETE;
    case "vendor":
      return PAYLOAD.VENDOR;
    case "tsi":
      return PAYLOAD.TSi;
    case "tsr":
      return PAYLOAD.TSr;
    case "opaque":
      return payload.type;
  }
}

function emitBody(writer: Writer, payload: Payload): void {
  switch (payload.kind) {
    case "sa":
      emitSa(writer, payload);
      break;
    case "ke":
      emitKe(writer, payload);
      break;
    case "idi":
    case "idr":
      emitId(writer, payload);
      break;
    case "cert":
      emitCert(writer, payload);
      break;
    case "certreq":
      emitCertReq(writer, payload);
      break;
    case "auth":
      emitAuth(writer, payload);
      break;
    case "nonce":
      emitNonce(writer, payload);
      break;
    case "notify":
      emitNotify(writer, payload);
      break;
    case "delete":
      emitDelete(writer, payload);
      break;
    case "vendor":
      emitVendor(writer, payload);
      break;
    case "tsi":
    case "tsr":
      emitTs(writer, payload);
      break;
    case "opaque":
      emitOpaque(writer, payload);
      break;
  }
}

/** Writes the payloads; `after` is the type that follows the last of them (an Encrypted payload), 0 none. */
export function emitChain(writer: Writer, payloads: readonly Payload[], after: number): void {
  if (payloads.length > MAX_PAYLOADS) {
    throw new WireError("limit", writer.length, `${payloads.length} payloads; at most ${MAX_PAYLOADS} can be sent`);
  }
  payloads.forEach((payload, i) => {
    const start = writer.length;
    writer.u8(i + 1 < payloads.length ? typeOf(payloads[i + 1]) : after);
    // Everything that RFC 7296 defines is sent without the critical bit (§3.2).
    writer.u8(0);
    writer.u16(0);
    emitBody(writer, payload);
    writer.patch16(start + 2, writer.length - start);
  });
}
