/**
 * Who vouches for a certificate: path validation, RFC 5280 §6.1, as far as a gateway needs it. Names chain from the end entity up to a
 * trust anchor; then signatures are verified from the anchor down, so that a stranger cannot make us verify what he has made up.
 * Without policies and name constraints: where they are critical the certificate is refused. No revocation lists: what may no
 * longer come in is taken out of the configuration.
 */
import { type Certificate, DIGITAL_SIGNATURE, KEY_CERT_SIGN, timeText } from "./certificate.ts";

/** Certificates between the end entity and the anchor. */
export const MAX_INTERMEDIATES = 4;
/** Chains whose signatures are verified before we give up: several authorities may have one name. */
const MAX_PATHS = 8;

/**
 * Purposes (extended key usage) that allow IKE: any, ipsecIKE (RFC 4945 §5.1.3.12), and server and client authentication with the
 * three withdrawn ones for IPsec, which is what most authorities write into certificates of gateways.
 */
const PURPOSES = new Set([
  "2.5.29.37.0",
  "1.3.6.1.5.5.7.3.17",
  "1.3.6.1.5.5.7.3.1",
  "1.3.6.1.5.5.7.3.2",
  "1.3.6.1.5.5.7.3.5",
  "1.3.6.1.5.5.7.3.6",
  "1.3.6.1.5.5.7.3.7",
]);

export interface PathQuestion {
  readonly leaf: Certificate;
  /** What the peer sent along, trusted in nothing. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  /** dNSName that the leaf must bear. */
  readonly name: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Undefined: the certificate is good. Else why not, as in "Its certificate …", without a full stop, and the next step. */
export function mistrust(question: PathQuestion): string | undefined {
  const { leaf, anchors } = question;
  const paths = pathsOf(question);
  if (paths.length === 0) {
    const trusted = [...new Set(anchors.map(({ subject }) => subject))].slice(0, 4).join("; ");
    return `Its certificate (${leaf.subject}) is not issued by a trusted authority: the issuer is ${leaf.issuer}, trusted here: ${trusted}. Add the issuer to the trusted ones, or give the peer a certificate of one of them`;
  }
  let fault: string | undefined;
  for (const path of paths) {
    fault = signatureFault(path);
    if (fault !== undefined) continue;
    // The one path whose signatures hold: what is wrong with it is what is wrong.
    return pathFault(path, question.now) ?? leafFault(leaf, question.name);
  }
  return fault;
}

/** From the leaf to an anchor, by names alone; the shortest first. */
function pathsOf({ leaf, intermediates, anchors }: PathQuestion): Certificate[][] {
  const found: Certificate[][] = [];
  let open: Certificate[][] = [[leaf]];
  for (let depth = 0; depth <= MAX_INTERMEDIATES && open.length > 0; depth++) {
    const longer: Certificate[][] = [];
    for (const path of open) {
      const { issuerName } = path[path.length - 1];
      for (const anchor of anchors) if (anchor.subjectName === issuerName) found.push([...path, anchor]);
      for (const one of intermediates) {
        if (one.subjectName === issuerName && !path.includes(one)) longer.push([...path, one]);
      }
    }
    open = longer.slice(0, MAX_PATHS);
  }
  return found.slice(0, MAX_PATHS);
}

function titleOf(path: readonly Certificate[], i: number): string {
  const { subject } = path[i];
  if (i === 0) return `Its certificate (${subject})`;
  return i === path.length - 1
    ? `The trusted authority ${subject} of its certificate`
    : `The authority ${subject} above its certificate`;
}

/** RFC 5280 §6.1.3 (a)(1), from the anchor down. */
function signatureFault(path: readonly Certificate[]): string | undefined {
  for (let i = path.length - 2; i >= 0; i--) {
    const issuer = path[i + 1];
    const { weak } = path[i];
    if (weak !== undefined) {
      return `${titleOf(path, i)} is signed with ${weak}. Have it issued with SHA-256 or better`;
    }
    if (issuer.key === undefined) {
      return `${titleOf(path, i + 1)} has a key of a kind that is not used here. Use Ed25519, ECDSA P-256 or P-384, or RSA of 2048–8192 bits`;
    }
    if (!path[i].signedBy(issuer.key)) {
      return `${titleOf(path, i)} bears the name of the issuer ${issuer.subject} but not its signature. Check which authority of that name has issued it`;
    }
  }
  return undefined;
}

/** What must hold for every certificate and every issuer of the path: §6.1.3 (a)(2), §6.1.4 (k)–(o). */
function pathFault(path: readonly Certificate[], now: number): string | undefined {
  let below = 0;
  for (const [i, certificate] of path.entries()) {
    const { notBefore, notAfter, unknownCritical, authority, usage } = certificate;
    const title = titleOf(path, i);
    // A time that cannot be read is no time within.
    if (!(now <= notAfter)) return `${title} has expired at ${timeText(notAfter)}. Renew it`;
    if (!(now >= notBefore)) {
      return `${title} is not valid before ${timeText(notBefore)}. Check the clocks of both sides`;
    }
    if (unknownCritical.length > 0) {
      return `${title} has the critical extension ${unknownCritical[0]}, which is not understood here. Have it issued without`;
    }
    if (i === 0) continue;
    if (authority === undefined) return `${title} may issue none: it is no certification authority. Use one that is`;
    if (usage !== undefined && (usage & KEY_CERT_SIGN) === 0) {
      return `${title} may issue none: its key usage lacks keyCertSign. Use an authority that has it`;
    }
    if (below > authority.pathLength) {
      return `${title} allows ${authority.pathLength} authorities below it, and there are ${below}. Have it issued by one that is nearer`;
    }
    // Self-issued ones do not count (§6.1.4 (l)).
    if (certificate.subjectName !== certificate.issuerName) below += 1;
  }
  return undefined;
}

/** What the end entity alone must have. */
function leafFault({ subject, usage, purposes, dnsNames }: Certificate, name: string): string | undefined {
  const title = `Its certificate (${subject})`;
  if (usage !== undefined && (usage & DIGITAL_SIGNATURE) === 0) {
    return `${title} may not sign: its key usage lacks digitalSignature. Have it issued with that`;
  }
  if (purposes !== undefined && !purposes.some((purpose) => PURPOSES.has(purpose))) {
    return `${title} is not meant for IKE: its extended key usage has ${purposes.slice(0, 4).join(", ")} only. Have it issued without, or with ipsecIKE`;
  }
  if (dnsNames.includes(name.toLowerCase())) return undefined;
  const names = dnsNames.length === 0 ? "no dNSName" : shownNames(dnsNames);
  return `${title} bears ${names} instead of ${name}. Correct the name that is expected here, or have it issued with that name`;
}

function shownNames(names: readonly string[]): string {
  const some = names.slice(0, 4).map((name) => name.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, "?"));
  return `the names ${some.join(", ")}${names.length > some.length ? " and others" : ""}`;
}
