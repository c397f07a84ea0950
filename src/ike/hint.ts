/**
 * INVALID_SPI in the clear (RFC 7296 §1.5): "ESP comes from you, and I have no such SA", as a router says after a crash. Anybody can
 * write that. So it is a hint: the peer is asked whether it lives, now and then, and what it answers, protected, is what counts
 * (§2.4). It is never answered itself.
 */
import type { Datagram, Path } from "./effect.ts";
import { espSpiBytes, espSpiOf } from "./octets.ts";
import type { Realm } from "./realm.ts";
import { restarted } from "./restart.ts";
import { askAtOnce } from "./watch.ts";
import { EXCHANGE, encodeMessage, NOTIFY, notifyOf, type Payload, payloadsOf } from "./wire/index.ts";

/** ESP came on this path for an SPI that is not in use here: tells its sender, if that may be a peer and it was not told often. */
export function giveHint(realm: Realm, spi: number, path: Path): void {
  const { address } = path.remote;
  if (realm.neighbours.manners(address).length === 0) return;
  if (!realm.hints.take(address, realm.now)) {
    realm.count("rate-limited");
    return;
  }
  // No IKE SPI means anything to the receiver, so there is none; I is set, R is not (§1.5).
  const header = {
    spiI: 0n,
    spiR: 0n,
    exchange: EXCHANGE.INFORMATIONAL,
    messageId: 0,
    initiator: true,
    response: false,
  };
  const bytes = encodeMessage({ header, payloads: [notifyOf(NOTIFY.INVALID_SPI, espSpiBytes(spi))] });
  realm.count("hint-given");
  realm.send({ local: path.local, remote: path.remote, bytes });
}

/** An INFORMATIONAL request in the clear. What concerns no SA of ours with a peer at that address means nothing. */
export function takeHint(realm: Realm, datagram: Datagram, payloads: readonly Payload[]): void {
  const hint = payloadsOf(payloads, "notify").find(({ notify }) => notify === NOTIFY.INVALID_SPI);
  if (hint === undefined || hint.data.length !== 4) {
    realm.count("unexpected");
    return;
  }
  realm.count("unprotected-error");
  const concerned = realm.outbound.find(espSpiOf(hint.data), datagram.remote.address);
  for (const sa of new Set(concerned.map((child) => child.sa))) {
    // A peer that remembers which IKE SA had the SPI may prove at once that it has lost it (RFC 6290 §8.2).
    if (sa.token.judge(payloads) === "lost") restarted(sa);
    else askAtOnce(sa);
  }
}
