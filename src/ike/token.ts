/**
 * Quick crash detection, RFC 6290: each side gives the other, protected, a token for their IKE SA. A router that has lost its IKE SAs
 * can make the token again, and shows it in the clear: nobody else knows it, so it proves that the IKE SA is gone there.
 */
import { equal, join, PRFS, prfOf, spi64, wipe } from "./suite/index.ts";
import { NOTIFY, type NotifyPayload, type Payload, PROTOCOL, payloadsOf } from "./wire/index.ts";

/** Bytes of a token (RFC 6290 §5). */
const SHORTEST = 16;
const LONGEST = 128;
/** Tokens of one message that are looked at: its sender may have changed its secret three times (§4.5). */
const GENERATIONS = 4;

/** Makes our tokens. The same secret makes the same tokens after a restart; no two routers may have one in common (§9.2). */
export class CrashTokens {
  readonly #secret: Uint8Array;

  /** `secret`: 32 random bytes. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** The token of one IKE SA, 32 bytes: HMAC-SHA-256(secret, SPIi | SPIr); the stateless method of §5.1, keyed as an HMAC is. */
  make(spiI: bigint, spiR: bigint): NotifyPayload {
    const data = prfOf(PRFS.sha256, this.#secret, join(spi64(spiI), spi64(spiR)));
    return {
      kind: "notify",
      protocol: PROTOCOL.IKE,
      spi: new Uint8Array(0),
      notify: NOTIFY.QUICK_CRASH_DETECTION,
      data,
    };
  }
}

function tokensIn(payloads: readonly Payload[]): Uint8Array[] {
  return payloadsOf(payloads, "notify")
    .filter(({ notify }) => notify === NOTIFY.QUICK_CRASH_DETECTION)
    .map(({ data }) => data);
}

/** A peer's token, and whether something is it. Only what an authentic message said may be kept here. */
export class PeerToken {
  #token: Uint8Array | undefined;

  /** Keeps the token in an authentic message, if there is one, instead of the one before (§4.2–4.4). */
  take(payloads: readonly Payload[]): void {
    const [token] = tokensIn(payloads);
    if (token === undefined || token.length < SHORTEST || token.length > LONGEST) return;
    this.wipe();
    this.#token = token.slice();
  }

  /** What a message in the clear proves. "nothing": it shows no token; "false": none of those that it shows is the peer's. */
  judge(payloads: readonly Payload[]): "lost" | "false" | "nothing" {
    const shown = tokensIn(payloads).slice(0, GENERATIONS);
    if (shown.length === 0) return "nothing";
    const known = this.#token;
    // Each in constant time (§9.1): who guesses learns nothing from how long that takes.
    return known !== undefined && shown.filter((token) => equal(token, known)).length > 0 ? "lost" : "false";
  }

  wipe(): void {
    wipe(this.#token);
    this.#token = undefined;
  }
}
