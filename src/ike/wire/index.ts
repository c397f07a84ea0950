/** IKEv2 on the wire, RFC 7296 §3: what the exchanges in src/ike need of it. */
export type { AuthPayload } from "./auth.ts";
export type { CertPayload } from "./cert.ts";
export type { CertReqPayload } from "./certreq.ts";
export { MAX_PAYLOADS, type Payload, typeOf, type Wrapper } from "./chain.ts";
export { type DeletePayload, MAX_DELETES } from "./delete.ts";
export type { EncryptedPayload, Opener, Sealer } from "./encrypted.ts";
export { type WireCode, WireError } from "./error.ts";
export { type FragmentPayload, MAX_FRAGMENTS } from "./fragment.ts";
export { hashesNotify, hashesOf } from "./hashes.ts";
export { decodeHeader, HEADER_LENGTH, type Header, type HeaderFields } from "./header.ts";
export * from "./iana.ts";
export { type IdPayload, idBody } from "./id.ts";
export type { KePayload } from "./ke.ts";
export {
  decodeMessage,
  encodeMessage,
  type Message,
  type OpenMessage,
  type Outgoing,
  openMessage,
  payloadOf,
  payloadsOf,
  sealMessage,
} from "./message.ts";
export type { NoncePayload } from "./nonce.ts";
export { type NotifyPayload, notifyOf } from "./notify.ts";
export type { OpaquePayload } from "./opaque.ts";
export { type Attribute, MAX_PROPOSALS, MAX_TRANSFORMS, type Proposal, type SaPayload, type Transform } from "./sa.ts";
export { type DigitalSignature, parseSignature, signatureData } from "./signature.ts";
export { type Fragment, joinFragments, openFragment, sealFragments } from "./split.ts";
export { MAX_SELECTORS, type TsPayload } from "./ts.ts";
export type { VendorPayload } from "./vendor.ts";
