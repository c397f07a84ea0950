/**
 * A given certificate while the console runs: whatever renews it (certbot and the like) puts another pair of files in its place, which is
 * taken without a restart. What cannot be used is refused, and the one that runs stays.
 *
 *   CertificateRenewed INFO      the pair on the disk is in use now
 *   CertificateRefused WARN      the pair on the disk cannot be used
 *   CertificateEnds WARN         the one in use has less than 14 days left, or CRITICAL: it has ended
 *   CertificateUnknown WARN      devices cannot trust it: not of a CA that systems know, and the chain has no root
 */
import { X509Certificate } from "node:crypto";
import type { Log } from "../router/log.ts";
import { type GivenCertificate, knownToSystems, rootsOf } from "./certificate.ts";
import type { NewEvent } from "./store/events.ts";

/** Milliseconds. */
const LOOK_EVERY = 60_000;
const NEAR = 14 * 86_400_000;
const AGAIN = 86_400_000;

export interface GivenParts {
  /** In use. */
  readonly given: GivenCertificate;
  /** As it is on the disk now; undefined: it is never another. @throws Error of a sentence: it cannot be used */
  readonly reread: (() => GivenCertificate) | undefined;
  /** Puts it to use. @throws Error: the former stays */
  readonly take: (given: GivenCertificate) => Promise<void>;
  readonly event: (event: NewEvent) => void;
  readonly log: Pick<Log, "info" | "warn">;
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
  /** Milliseconds between looks. */
  readonly every?: number;
}

export interface GivenWatch {
  /** Looks now. */
  look(): Promise<void>;
  stop(): void;
}

/** Looks at once, and from now on. */
export function watchGiven(parts: GivenParts): GivenWatch {
  const { reread, take, event, log, now = Date.now, every = LOOK_EVERY } = parts;
  let { given } = parts;
  /** What was last refused, so that it is told once. */
  let refused: string | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let ended = false;

  const tell = (level: NewEvent["level"], code: string, message: string) => {
    if (level === "INFO") log.info(message);
    else log.warn(message);
    event({ level, code, message });
  };
  const refuse = (why: string) => {
    if (why === refused) return;
    refused = why;
    tell("WARN", "CertificateRefused", `the certificate on the disk is not taken, the one before stays: ${why}`);
  };
  const begin = () => {
    toldAt = Number.NEGATIVE_INFINITY;
    if (rootsOf(given) !== null || knownToSystems(given)) return;
    const message =
      "devices do not trust the given certificate: its chain does not lead to a CA that systems know, and does not hold the CA's own certificate. Append what is missing to the file of --certificate";
    tell("WARN", "CertificateUnknown", message);
  };
  const renew = async () => {
    let found: GivenCertificate | undefined;
    try {
      found = reread?.();
      if (found && found.cert === given.cert && found.key === given.key) refused = undefined;
      else if (found && endOf(found) < now()) refuse(`it has ended (${dateOf(endOf(found))})`);
      else if (found) {
        await take(found);
        refused = undefined;
        given = found;
        tell("INFO", "CertificateRenewed", `the certificate on the disk is in use now, until ${dateOf(endOf(given))}`);
        begin();
      }
    } catch (error) {
      refuse((error as Error).message);
    }
  };
  const warn = () => {
    const end = endOf(given);
    const [left, over] = [end - now(), end < now()];
    if (left > NEAR || (now() - toldAt < AGAIN && over === ended)) return;
    [toldAt, ended] = [now(), over];
    if (over) tell("CRITICAL", "CertificateEnds", `the given certificate has ended (${dateOf(end)}): renew its files`);
    else tell("WARN", "CertificateEnds", `the given certificate ends on ${dateOf(end)}: renew its files`);
  };

  let turn = Promise.resolve();
  const look = () => {
    turn = turn.then(renew).then(warn);
    return turn;
  };
  begin();
  warn();
  const timer = setInterval(look, every);
  timer.unref();
  return { look, stop: () => clearInterval(timer) };
}

const endOf = ({ cert }: GivenCertificate) => new X509Certificate(cert).validToDate.getTime();
const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
