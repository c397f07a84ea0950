/** Certificate payload, RFC 7296 §3.6: encoding (1), data. One certificate each; the first one is the end entity's. */
import type { View } from "./view.ts";
import type { Writer } from "./writer.ts";

export interface CertPayload {
  readonly kind: "cert";
  /** CERT_ENCODING in iana.ts. */
  readonly encoding: number;
  /** X509_SIGNATURE: one DER certificate. */
  readonly data: Uint8Array;
}

export function parseCert(view: View): CertPayload {
  return { kind: "cert", encoding: view.u8("The certificate's encoding"), data: view.rest() };
}

export function emitCert(writer: Writer, payload: CertPayload): void {
  writer.u8(payload.encoding);
  writer.bytes(payload.data);
}
