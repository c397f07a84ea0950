/** What was refused or lost, by reason. Every message that the core does not act upon raises exactly one of these. */

/** Name and meaning of each counter. */
export const COUNTERS = {
  malformed: "datagrams that are not an IKEv2 message, or whose payloads contradict themselves",
  version: "messages of another major version",
  "unknown-spi": "messages for an IKE SA that is not here",
  "unknown-peer": "requests from an address or an identity that no peer is configured for",
  "authentication-failed":
    "peers that could not prove their identity (another pre-shared key, a certificate that is not trusted or has expired)",
  "no-proposal": "exchanges that failed because the two sides have no cipher suite in common",
  "invalid-ke": "exchanges begun again with the key exchange method that the other side wants",
  "ts-unacceptable": "Child SAs refused because the traffic selectors do not overlap",
  integrity: "messages whose authentication tag does not verify",
  window: "messages whose id is neither the expected one nor the last one",
  duplicate: "requests that came again; the answer was sent again",
  "fragment-repeated": "fragments that were here already, or belong to a request that was answered",
  "fragments-lost": "messages given up because not all of their fragments came",
  retransmitted: "requests of ours that were sent again",
  "gave-up": "requests of ours that were never answered",
  unexpected: "authentic or initial messages that make no sense in the state of their IKE SA",
  "cookie-sent": "first messages that were answered with a COOKIE because many IKE SAs are half-open",
  "cookie-invalid": "first messages with a COOKIE that is wrong or too old",
  "half-open-limit": "first messages dropped because too many IKE SAs are half-open",
  "half-open-expired": "half-open IKE SAs whose peer never authenticated",
  "rate-limited": "answers to strangers that were not sent because there were too many of them",
  "unprotected-error": "error messages without protection; noticed, never obeyed",
  "token-false": "error messages without protection whose token (RFC 6290) is not the one that the peer gave us",
  "hint-given": "senders of ESP for an SPI that is not in use here that were told so (INVALID_SPI)",
  "critical-payload": "messages with a critical payload that we do not know",
  "invalid-syntax": "authentic messages that contradict themselves; their IKE SA ends",
  "temporary-failure": "requests that crossed with another and were put off, either way",
  "child-sa-not-found": "requests about a Child SA that is not here, either way",
  "no-additional-sas": "Child SAs refused for want of room, either way",
  "address-refused": "authentic messages from an address that the peer may not come from",
} as const;

export type CounterName = keyof typeof COUNTERS;

export class Counters {
  readonly #counts = new Map<CounterName, number>();

  count(name: CounterName): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Every counter by name, those at 0 too. */
  all(): Record<string, number> {
    return Object.fromEntries(
      (Object.keys(COUNTERS) as CounterName[]).map((name) => [name, this.#counts.get(name) ?? 0]),
    );
  }
}
