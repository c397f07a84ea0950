/**
 * Whom the agent takes for its console: the roots of the console's HTTPS certificate, as of joining, or as the console has said since with its
 * signature (protocol/roots.ts). An operator who gives the console another certificate need not join devices again.
 *
 * Whoever stands in the way gains nothing: what is asked for over the connection that is not trusted holds nothing secret; what comes back
 * counts only with the console's signature over our nonce, and a number above that which we have. It is asked once for each try to connect
 * that fails for the certificate, so never more often than the pauses of the stream allow.
 */
import { randomBytes, X509Certificate } from "node:crypto";
import { Check } from "typebox/value";
import { LARGEST_ROOTS, ROOTS_PATH, rootsStand, SignedRoots } from "../protocol/roots.ts";
import { sentenceOf } from "../router/error.ts";
import type { Log } from "../router/log.ts";
import { post } from "./console.ts";
import type { Folder } from "./folder.ts";
import type { Identity } from "./identity.ts";

/** Why what is said of the roots does not count. */
type Fault = "not-signed" | "not-newer" | "unreadable";

const TOLD: Readonly<Record<Fault, string>> = {
  "not-signed": "it is not signed by the console that this device has joined",
  "not-newer": "this device has had a newer word of it",
  unreadable: "it names no certificates that can be read",
};

/** Of the certificate that is not trusted. */
const ASKED: Readonly<Record<Fault, string>> = {
  "not-signed":
    "what answers there is not the console that this device has joined, or cannot prove it: somebody stands between; or the console was set up anew, then reset the device's key there and join again (vcpe join)",
  "not-newer":
    "the console knows of no other roots than this device does; if no one stands between, look at the console's events: its certificate may have come without the root of its CA",
  unreadable: "the console names roots that cannot be read",
};

export interface RootsParts {
  readonly folder: Pick<Folder, "readRoots" | "writeRoots">;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

export class Roots {
  readonly #parts: RootsParts;
  /** What the disk did not take. */
  #unkept: SignedRoots | undefined;

  constructor(parts: RootsParts) {
    this.#parts = parts;
  }

  /** The identity with the roots that count now; for a connection, not to be kept. */
  present(identity: Identity): Identity {
    const held = this.#held(identity);
    return held ? { ...identity, server: held.statement.roots } : identity;
  }

  /** Of what the console has said last; 0: nothing. */
  number(identity: Identity): number {
    return this.#held(identity)?.statement.number ?? identity.rootsNumber ?? 0;
  }

  /** The console says it over a connection that is trusted. */
  told(signed: SignedRoots, identity: Identity): void {
    const fault = this.#take(signed, null, identity);
    if (fault) this.#parts.log.warn(`what the console says of its certificate is not taken: ${TOLD[fault]}`);
  }

  /** Asks whoever answers as the console. Undefined: there are others now; else why not, without a full stop. */
  async ask(identity: Identity): Promise<string | undefined> {
    const nonce = randomBytes(32).toString("base64url");
    const console = { url: new URL(identity.console), tls: { rejectUnauthorized: false } };
    let answer: unknown;
    try {
      const { status, reply } = await post(console, ROOTS_PATH, { nonce }, LARGEST_ROOTS);
      if (status !== 200) return `what answers there does not say which one it should have (${status})`;
      answer = reply;
    } catch (error) {
      return `asked which one it should have, it gave no answer (${sentenceOf(error).replace(/\.$/, "")})`;
    }
    if (!Check(SignedRoots, answer)) return "asked which one it should have, it did not answer as a console does";
    const fault = this.#take(answer, nonce, identity);
    return fault && ASKED[fault];
  }

  /** Undefined: taken, and on the disk if that can be; else why not, and all is as it was. */
  #take(signed: SignedRoots, nonce: string | null, identity: Identity): Fault | undefined {
    const { log, folder } = this.#parts;
    const { statement } = signed;
    if (signed.nonce !== nonce || !rootsStand(signed, identity.configKey)) return "not-signed";
    if (statement.number <= this.number(identity)) return "not-newer";
    if (!statement.roots?.every(isCertificate) && statement.roots !== null) return "unreadable";
    try {
      folder.writeRoots(`${JSON.stringify(signed, null, 2)}\n`);
      this.#unkept = undefined;
    } catch (error) {
      this.#unkept = signed;
      log.error(
        `the roots of the console's certificate are not kept, and are good until a restart: ${sentenceOf(error)}`,
      );
    }
    log.info({ number: statement.number }, "the console has said which roots its certificate comes from");
    return undefined;
  }

  /** The newest that the console of this identity has said since it was joined. */
  #held(identity: Identity): SignedRoots | undefined {
    const joined = identity.rootsNumber ?? 0;
    return [parsed(this.#parts.folder.readRoots()), this.#unkept]
      .filter((one) => one !== undefined)
      .filter((one) => one.statement.number > joined && rootsStand(one, identity.configKey))
      .sort((one, other) => other.statement.number - one.statement.number)[0];
  }
}

/** Undefined: it is none, and as good as not there. */
function parsed(text: string | undefined): SignedRoots | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Check(SignedRoots, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
