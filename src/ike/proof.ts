/**
 * What the AUTH payload proves, RFC 7296 §2.15: with a pre-shared key, or with a certificate and a digital signature (RFC 7427). A peer
 * that is configured for the one is never believed with the other.
 */
import {
  type Certificate,
  CertificateError,
  MAX_INTERMEDIATES,
  mistrust,
  readCertificate,
} from "./certificate/index.ts";
import type { Neighbour } from "./neighbour.ts";
import type { Realm } from "./realm.ts";
import type { IkeSa } from "./sa.ts";
import { pskAuth, schemeOf, signedOctets, verifyPskAuth, verifySignature } from "./suite/index.ts";
import {
  AUTH,
  type AuthPayload,
  CERT_ENCODING,
  type CertPayload,
  type CertReqPayload,
  type IdPayload,
  idBody,
  nameOf,
  type Payload,
  parseSignature,
  payloadOf,
  payloadsOf,
  signatureData,
} from "./wire/index.ts";

/** How a peer has shown who it is. */
export type Proven =
  | { readonly kind: "psk" }
  | {
      readonly kind: "certificate";
      readonly subject: string;
      readonly issuer: string;
      /** Milliseconds since the Unix epoch. */
      readonly notAfter: number;
    };

/** One or two sentences for the operator, without the last full stop. */
export interface Fault {
  readonly fault: string;
}

/** Certificates of a peer that are looked at: the end entity's, those above it, and as many that serve nothing. */
const MAX_CERTIFICATES = 2 * MAX_INTERMEDIATES;

/** What the initiator or the responder proves with AUTH. */
function octetsOf(sa: IkeSa, initiator: boolean, identity: IdPayload): Uint8Array {
  const { ni, nr, pi, pr, request, response } = sa.handshake!;
  const { prf } = sa.selection!;
  return initiator
    ? signedOctets(prf, request, nr, pi, idBody(identity))
    : signedOctets(prf, response, ni, pr, idBody(identity));
}

/** The Certificate Request that tells a peer which authorities we trust. */
export function requestOf({ credentials }: Realm): CertReqPayload[] {
  if (credentials === undefined) return [];
  const { hashes } = credentials.trust;
  return [{ kind: "certreq", encoding: CERT_ENCODING.X509_SIGNATURE, authorities: hashes }];
}

/** The authorities that a message's Certificate Requests name; undefined: it has none. */
export function authoritiesOf(payloads: readonly Payload[]): Uint8Array[] | undefined {
  const requests = payloadsOf(payloads, "certreq").filter(({ encoding }) => encoding === CERT_ENCODING.X509_SIGNATURE);
  return requests.length === 0
    ? undefined
    : requests.flatMap(({ authorities }) => authorities.map((one) => one.slice()));
}

/** Our proof for this peer: CERT payloads and AUTH. `initiator`: that is our role. */
export function prove(
  sa: IkeSa,
  neighbour: Neighbour,
  initiator: boolean,
  identity: IdPayload,
): { readonly certificates: readonly CertPayload[]; readonly auth: AuthPayload } | Fault {
  const { config, realm, title } = neighbour;
  const octets = octetsOf(sa, initiator, identity);
  if (config.auth.kind === "psk") {
    const data = pskAuth(sa.selection!.prf, config.auth.secret, octets);
    return { certificates: [], auth: { kind: "auth", method: AUTH.SHARED_KEY, data } };
  }
  const { credentials } = realm;
  if (credentials === undefined) return { fault: "This router has no certificate. Give it one (credentials)" };
  const { hashes, authorities } = sa.handshake!;
  if (hashes === undefined) {
    return {
      fault: `${title} does not speak of digital signatures (RFC 7427), so no certificate can be used with it. Configure a pre-shared key on both sides, or certificates there`,
    };
  }
  const scheme = credentials.scheme(hashes);
  if (scheme === undefined) {
    const theirs = [...hashes].slice(0, 8).join(", ");
    return {
      fault: `${title} verifies with the hash algorithms ${theirs} (RFC 7427), none of which goes with the key of our certificate (${credentials.keyKind}). Give this side another certificate`,
    };
  }
  const data = signatureData({ algorithm: scheme.algorithm, value: credentials.sign(scheme, octets) });
  const certificates = credentials
    .presented(authorities)
    .map((der): CertPayload => ({ kind: "cert", encoding: CERT_ENCODING.X509_SIGNATURE, data: der }));
  return { certificates, auth: { kind: "auth", method: AUTH.DIGITAL_SIGNATURE, data } };
}

/** Does what the peer sent prove that it is this one? `initiator`: the peer's role. Nothing of a fault is for the other side's eyes. */
export function verify(
  sa: IkeSa,
  neighbour: Neighbour,
  initiator: boolean,
  identity: IdPayload,
  payloads: readonly Payload[],
): Proven | Fault {
  const auth = payloadOf(payloads, "auth");
  const { config } = neighbour;
  if (auth === undefined) return { fault: "There is no AUTH payload. It may want EAP, which is not spoken here" };
  if (config.auth.kind === "psk") {
    if (auth.method !== AUTH.SHARED_KEY) {
      return {
        fault: `It uses ${methodText(auth.method)} where a pre-shared key is configured. Configure that on both sides`,
      };
    }
    const octets = octetsOf(sa, initiator, identity);
    const same = verifyPskAuth(sa.selection!.prf, config.auth.secret, octets, auth.data);
    return same ? { kind: "psk" } : { fault: "Check that both sides have the same pre-shared key" };
  }
  if (auth.method !== AUTH.DIGITAL_SIGNATURE) {
    return {
      fault: `It uses ${methodText(auth.method)} where a certificate with a digital signature (RFC 7427) is configured. Configure that on both sides`,
    };
  }
  return byCertificate(neighbour.realm, config.auth.peer, auth, octetsOf(sa, initiator, identity), payloads);
}

function methodText(method: number): string {
  return method === AUTH.SHARED_KEY ? "a pre-shared key" : `authentication method ${nameOf(AUTH, method)}`;
}

function byCertificate(
  { credentials, environment }: Realm,
  name: string,
  auth: AuthPayload,
  octets: Uint8Array,
  payloads: readonly Payload[],
): Proven | Fault {
  if (credentials === undefined) return { fault: "No authority is trusted here. Give this router credentials" };
  const { anchors } = credentials.trust;
  const { algorithm, value } = parseSignature(auth.data);
  const scheme = schemeOf(algorithm);
  if (scheme === undefined) {
    return {
      fault: `It signs with an algorithm that is not accepted here (0x${Buffer.from(algorithm.subarray(0, 24)).toString("hex")}). Use Ed25519, ECDSA or RSA with SHA-2`,
    };
  }
  const sent = payloadsOf(payloads, "cert").filter(({ encoding }) => encoding === CERT_ENCODING.X509_SIGNATURE);
  if (sent.length === 0)
    return { fault: "It sends no certificate. Have it send one always (strongSwan: send_cert = always)" };
  if (sent.length > MAX_CERTIFICATES) {
    return {
      fault: `It sends ${sent.length} certificates; the limit is ${MAX_CERTIFICATES}. Have it send only what stands between its own and a trusted authority`,
    };
  }
  let leaf: Certificate;
  let intermediates: Certificate[];
  try {
    leaf = readCertificate(sent[0].data);
    const direct = anchors.some(({ subjectName }) => subjectName === leaf.issuerName);
    intermediates = direct ? [] : sent.slice(1).map(({ data }) => readCertificate(data));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return { fault: `${error.message}. Look at the certificates of the peer` };
  }
  const fault = mistrust({ leaf, intermediates, anchors, name, now: environment.date() });
  if (fault !== undefined) return { fault };
  const { subject, issuer, notAfter, key } = leaf;
  if (key === undefined) {
    return {
      fault: `Its certificate (${subject}) has a key of a kind that is not used here. Use Ed25519, ECDSA P-256 or P-384, or RSA of 2048–8192 bits`,
    };
  }
  if (!verifySignature(key, scheme, octets, value)) {
    return {
      fault: `Its signature (${scheme.name}) is not made with the key of its certificate (${subject}). Check which private key the peer uses`,
    };
  }
  return { kind: "certificate", subject, issuer, notAfter };
}
