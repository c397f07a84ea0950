/**
 * The console's side of enrolment (protocol/enrol.ts). A serial number that does not exist goes the same way as a wrong key, step by step,
 * with a secret that nobody has; only after the right proof does an answer tell more than "refused".
 */
import { timingSafeEqual } from "node:crypto";
import {
  type BeginReply,
  type BeginRequest,
  consoleProof,
  deviceProof,
  type EnrolmentRefusal,
  type FinishReply,
  type FinishRequest,
  type Issued,
  type Transcript,
} from "../../protocol/enrol.ts";
import { deviceName } from "../../protocol/name.ts";
import type { Log } from "../../router/log.ts";
import { clientKey } from "../address.ts";
import type { Authority } from "../ca/ca.ts";
import { AuthorityError } from "../ca/error.ts";
import type { NewEvent } from "../store/events.ts";
import { Tries } from "../tries.ts";
import type { Book } from "./book.ts";
import type { FleetDesk } from "./desk.ts";
import type { RootsDesk } from "./roots.ts";
import { Tickets } from "./ticket.ts";

/** Wrong keys of one serial number in a minute; then a minute's pause. */
const SERIAL = { most: 5, window: 60_000, keys: 20_000 };
/** Many devices may come from one address, behind a NAT; their mistakes together. */
const ADDRESS = { most: 30, window: 60_000, keys: 20_000 };

export type Answer<T> =
  | { readonly status: 200; readonly body: T }
  | { readonly status: number; readonly body: EnrolmentRefusal; readonly retryAfter?: number };

export interface EnrolmentParts {
  readonly desk: Pick<FleetDesk, "intent">;
  readonly authority: Authority;
  readonly book: Book;
  /** Of the console's own HTTPS certificate. */
  readonly roots: Pick<RootsDesk, "statement">;
  readonly log: Log;
  readonly now: () => number;
  readonly event: (event: NewEvent) => void;
  /** An identity of this generation has been handed out. */
  readonly enrolled: (device: string, generation: number) => void;
}

export class Enrolment {
  readonly #parts: EnrolmentParts;
  readonly #tickets = new Tickets();
  readonly #serials = new Tries(SERIAL);
  readonly #addresses = new Tries(ADDRESS);

  constructor(parts: EnrolmentParts) {
    this.#parts = parts;
  }

  begin({ serial, nonce }: BeginRequest, address: string): Answer<BeginReply> {
    const now = this.#parts.now();
    const locked = this.#locked(serial, address, now);
    if (locked) return locked;
    const ticket = this.#tickets.issue(serial, nonce, now);
    return { status: 200, body: { session: ticket.text, nonce: ticket.nonce } };
  }

  async finish(request: FinishRequest, address: string): Promise<Answer<FinishReply>> {
    const { desk, book, now } = this.#parts;
    const { serial, csr, host } = request;
    const locked = this.#locked(serial, address, now());
    if (locked) return locked;
    const consoleNonce = this.#tickets.use(request.session, serial, request.nonce, now());
    if (consoleNonce === undefined) {
      return refusal(400, "session", "The enrolment took too long, or was begun elsewhere", "Run vcpe join again");
    }
    const transcript: Transcript = { serial, deviceNonce: request.nonce, consoleNonce, csr, host };
    // All of it for every serial number, whether it exists or not.
    const device = desk.intent.device.get(serial);
    const entry = book.entry(serial);
    const decoy = book.decoy(serial);
    const secret = device && entry ? entry.secret : decoy;
    const expected = Buffer.from(deviceProof(secret, transcript));
    const proven = timingSafeEqual(expected, Buffer.from(request.proof)) && device !== undefined && entry !== undefined;
    if (!proven) return this.#failed(serial, address);
    this.#serials.forget(serial);
    return this.#issue(secret, transcript, device.generation, address);
  }

  async #issue(
    secret: Uint8Array,
    transcript: Transcript,
    generation: number,
    address: string,
  ): Promise<Answer<FinishReply>> {
    const { authority, book, desk, log, roots, event, enrolled } = this.#parts;
    const { serial, csr, host } = transcript;
    const subject = { kind: "device", id: serial, name: serial } as const;
    let chain: string[];
    try {
      ({ chain } = await authority.issueDevice(csr, deviceName(serial, generation)));
    } catch (error) {
      if (!(error instanceof AuthorityError)) throw error;
      return refusal(422, "csr", error.message, error.next);
    }
    // Meanwhile the key may have been reset, or the device released or deleted: what was proven counts no more.
    const entry = book.entry(serial);
    if (
      !entry ||
      Buffer.compare(entry.secret, secret) !== 0 ||
      desk.intent.device.get(serial)?.generation !== generation
    )
      return this.#failed(serial, address);
    // The certificate goes out only if its host has the identity, also when two come at once.
    if (!book.claim(serial, secret, host.fingerprint, host.name, generation)) {
      const other = entry.hostname ?? "another host";
      log.warn({ serial, address, host: host.name }, "a second host with the right key was refused");
      event({
        level: "CRITICAL",
        code: "SecondHost",
        message: `Host ${host.name} (${address}) has the key of device ${serial}, whose identity host ${other} has; it was refused. If the device was replaced, release it; if not, reset its key`,
        subject,
      });
      return refusal(
        409,
        "second-host",
        `Another host (${other}) has the identity of ${serial}`,
        "If this host replaces it, have an operator release the device at the console, then run vcpe join again",
      );
    }
    enrolled(serial, generation);
    log.info({ serial, address, host: host.name, generation }, "a device has enrolled");
    event({
      level: "INFO",
      code: "DeviceEnrolled",
      message: `Device ${serial} has enrolled on host ${host.name} (${address})`,
      subject,
    });
    const issued: Issued = {
      chain,
      trust: [authority.deviceRoot],
      server: roots.statement.roots,
      rootsNumber: roots.statement.number,
      configKey: authority.configKey,
      router: serial,
    };
    return { status: 200, body: { issued, proof: consoleProof(secret, transcript, issued) } };
  }

  #failed(serial: string, address: string): Answer<never> {
    const { log, event, now } = this.#parts;
    const locks = this.#serials.count(serial, now()) === SERIAL.most;
    const locksAddress = this.#addresses.count(clientKey(address), now()) === ADDRESS.most;
    log.warn({ serial, address }, "enrolment refused: wrong serial number or key");
    event({
      level: "WARN",
      code: "EnrolmentRefused",
      message: `Somebody at ${address} tried to enrol as ${serial} with a wrong serial number or key`,
    });
    if (locks || locksAddress) {
      event({
        level: "CRITICAL",
        code: "EnrolmentLocked",
        message: `${locks ? `Serial number ${serial}` : `Address ${address}`} is locked for a minute after too many wrong keys; the last came from ${address}`,
      });
    }
    return refusal(
      401,
      "refused",
      "The console refuses this serial number and key",
      "Check both against what the console showed; if the key is lost, reset it there",
    );
  }

  #locked(serial: string, address: string, now: number): Answer<never> | undefined {
    const wait = Math.max(this.#serials.wait(serial, now), this.#addresses.wait(clientKey(address), now));
    if (wait === 0) return undefined;
    const seconds = Math.ceil(wait / 1000);
    return {
      ...refusal(
        429,
        "locked",
        "Too many wrong keys",
        `Wait ${seconds} seconds, check serial number and key, then try again`,
      ),
      retryAfter: seconds,
    };
  }
}

function refusal(
  status: number,
  code: EnrolmentRefusal["code"],
  message: string,
  next: string,
): { readonly status: number; readonly body: EnrolmentRefusal } {
  return { status, body: { code, message, next } };
}
