/**
 * Certificate Request payload, RFC 7296 §3.7: encoding (1), then, for X.509 certificates, a SHA-1 hash (20) of the
 * SubjectPublicKeyInfo of each certification authority that the sender trusts. For other encodings the rest is not looked into.
 */
import { WireError } from "./error.ts";
import { CERT_ENCODING } from "./iana.ts";
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

/** Bytes of a SHA-1 hash. */
const HASH = 20;

export interface CertReqPayload {
  readonly kind: "certreq";
  /** CERT_ENCODING in iana.ts. */
  readonly encoding: number;
  /** X509_SIGNATURE: 20 bytes each; none: any authority will do. Other encodings: at most one entry, the data as it came. */
  readonly authorities: readonly Uint8Array[];
}

export function parseCertReq(view: View): CertReqPayload {
  const at = view.offset;
  const encoding = view.u8("The requested certificate's encoding");
  if (encoding !== CERT_ENCODING.X509_SIGNATURE) {
    return { kind: "certreq", encoding, authorities: view.left === 0 ? [] : [view.rest()] };
  }
  const count = view.left / HASH;
  if (!Number.isInteger(count)) {
    throw new WireError("length", at, `A Certificate Request with ${view.left} bytes of hashes; each has ${HASH}`);
  }
  // No limit but the payload's own: Windows names every authority that it knows.
  const authorities = Array.from({ length: count }, () => view.take(HASH, "An authority's hash"));
  return { kind: "certreq", encoding, authorities };
}

export function emitCertReq(writer: Writer, payload: CertReqPayload): void {
  writer.u8(payload.encoding);
  for (const authority of payload.authorities) writer.bytes(authority);
}
