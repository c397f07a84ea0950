/** Crashes, and what anybody can write about them. */
import { espSpiBytes } from "../../src/ike/octets.ts";
import { decodeMessage, EXCHANGE, encodeMessage, NOTIFY, notifyOf, payloadsOf } from "../../src/ike/wire/index.ts";
import type { Host } from "./network.ts";
import { endpoint } from "./network.ts";
import { BASE, type Sites } from "./peers.ts";

/** Of a calm network, ms. */
export const ROUND_TRIP = 10;
export const { dpd: DPD } = BASE;
export const A = endpoint("192.0.2.1", 4500);
export const B = endpoint("198.51.100.1", 4500);

/** Crashes at once and comes back with its configuration; everything else goes on. */
export function crash({ b, configB }: Sites): void {
  b.crash();
  b.do((ike, now) => ike.add(configB, now));
}

/** `a` sends a packet of ESP, which arrives half a round trip later. */
export function sendEsp({ a, b, network }: Sites): void {
  const packet = a.datapath.packet("b/net")!;
  network.later(ROUND_TRIP / 2, () => b.esp(packet, A), false);
}

/** Both SPIs of the IKE SA that `host` uses. */
export function spis(host: Host): { spiI: bigint; spiR: bigint } {
  const { spiLocal, spiRemote, initiator } = host.ike.status()[0]!.ike!;
  const [local, remote] = [BigInt(`0x${spiLocal}`), BigInt(`0x${spiRemote}`)];
  return initiator ? { spiI: local, spiR: remote } : { spiI: remote, spiR: local };
}

/** INVALID_SPI as anybody can write it. */
export function hint(spi: number, more: { spiI?: bigint; spiR?: bigint; data?: Uint8Array } = {}): Uint8Array {
  const { spiI = 0n, spiR = 0n, data = espSpiBytes(spi) } = more;
  const header = { spiI, spiR, exchange: EXCHANGE.INFORMATIONAL, messageId: 0, initiator: true, response: false };
  return encodeMessage({ header, payloads: [notifyOf(NOTIFY.INVALID_SPI, data)] });
}

/** INVALID_IKE_SPI in the clear to `a`, which began the IKE SA, with these tokens. */
export function denial(a: Host, tokens: readonly Uint8Array[], messageId = 1_000): Uint8Array {
  const header = { ...spis(a), exchange: EXCHANGE.INFORMATIONAL, messageId, initiator: false, response: true };
  const shown = tokens.map((token) => notifyOf(NOTIFY.QUICK_CRASH_DETECTION, token));
  return encodeMessage({ header, payloads: [notifyOf(NOTIFY.INVALID_IKE_SPI), ...shown] });
}

export function tell(host: Host, bytes: Uint8Array, remote = B): void {
  const local = { address: host.address, port: 4500 };
  host.do((ike, now) => ike.handle({ local, remote, bytes }, now));
}

/** Every notification in the clear that `host` sends, by type. */
export function watchClear({ network }: Sites, host: Host): { notify: number; data: Uint8Array }[] {
  const found: { notify: number; data: Uint8Array }[] = [];
  network.watch = ({ bytes, local }) => {
    if (local.address === host.address && bytes[18] !== EXCHANGE.IKE_SA_INIT) {
      for (const { notify, data } of payloadsOf(decodeMessage(bytes).payloads, "notify")) found.push({ notify, data });
    }
    return true;
  };
  return found;
}
