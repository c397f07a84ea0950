/** The certification authorities that may vouch for peers. */
import { sha1 } from "@noble/hashes/legacy.js";
import { type Certificate, readCertificate } from "./certificate.ts";
import { CertificateError } from "./error.ts";

/** Trust anchors that we take; each is 20 bytes in a Certificate Request. */
export const MAX_ANCHORS = 64;

/** How CERTREQ names an authority: SHA-1 of its SubjectPublicKeyInfo (RFC 7296 §3.7). Nothing rests on its strength. */
export function authorityHash({ spki }: Certificate): Uint8Array {
  return sha1(spki);
}

export class Trust {
  readonly anchors: readonly Certificate[];
  /** For CERTREQ. */
  readonly hashes: readonly Uint8Array[];

  /** `ders`: DER certificates. Throws CertificateError, also for one that is no certification authority's. */
  constructor(ders: readonly Uint8Array[]) {
    if (ders.length === 0 || ders.length > MAX_ANCHORS) {
      throw new CertificateError("limit", `${ders.length} trusted authorities; there must be 1–${MAX_ANCHORS}`);
    }
    this.anchors = ders.map(readCertificate);
    for (const { authority, subject } of this.anchors) {
      if (authority === undefined) {
        throw new CertificateError(
          "not-authority",
          `${subject} is no certification authority, so it can vouch for nobody`,
        );
      }
    }
    this.hashes = this.anchors.map(authorityHash);
  }
}
