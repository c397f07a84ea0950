/** Asks for the next certificate when two thirds of this one's life are over, with a fresh key; over the stream, while the router runs. */
import type { CertificateFrame } from "../protocol/stream.ts";
import type { Log } from "../router/log.ts";
import type { Folder } from "./folder.ts";
import { type Identity, renewAt, saveIdentity } from "./identity.ts";
import { belongsTo, type KeyRequest, makeRequest } from "./request.ts";

/** How often it is looked; a console that is away is asked again then. Milliseconds. */
const LOOK_EVERY = 600_000;

export interface RenewalParts {
  readonly folder: Folder;
  readonly identity: () => Identity;
  /** False: not connected. */
  readonly ask: (csr: string) => boolean;
  readonly log: Pick<Log, "info" | "warn">;
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
}

export class Renewal {
  readonly #parts: RenewalParts;
  /** Made for the certificate that was asked for. */
  #asked: KeyRequest | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  start(every = LOOK_EVERY): void {
    this.#timer = setInterval(() => void this.look(), every);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** True: asked. */
  async look(): Promise<boolean> {
    const { identity, ask, now = Date.now } = this.#parts;
    if (now() < renewAt(identity())) return false;
    const request = await makeRequest(identity().router);
    if (!ask(request.csr)) return false;
    this.#asked = request;
    return true;
  }

  /** The identity with the new certificate, on the disk when this returns; undefined: nobody asked for this one. */
  accept({ chain, trust }: CertificateFrame): Identity | undefined {
    const { folder, identity, log } = this.#parts;
    const asked = this.#asked;
    if (!asked || !belongsTo(asked.key, chain)) {
      log.warn("the console sent a certificate that nobody asked for");
      return undefined;
    }
    this.#asked = undefined;
    const renewed: Identity = { ...identity(), key: asked.key, chain, trust };
    saveIdentity(folder, renewed);
    log.info("the certificate of this device was renewed");
    return renewed;
  }
}
