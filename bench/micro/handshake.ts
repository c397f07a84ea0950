/** IKE handshakes (IKE_SA_INIT and IKE_AUTH, both sides) in one thread, without a network. */
import { randomBytes } from "node:crypto";
import type { Datagram, Effect, TrafficSelector } from "../../src/ike/effect.ts";
import { IkeEndpoint } from "../../src/ike/endpoint.ts";
import type { Identity, PeerConfig } from "../../src/ike/peer.ts";

const A = Uint8Array.of(192, 0, 2, 1);
const B = Uint8Array.of(192, 0, 2, 2);
const text = new TextEncoder();
const identity = (name: string): Identity => ({ type: "fqdn", data: text.encode(name) });
const any: TrafficSelector = {
  protocol: 0,
  portLow: 0,
  portHigh: 65_535,
  low: new Uint8Array(4),
  high: new Uint8Array(4).fill(255),
};

function endpoint(address: Uint8Array): IkeEndpoint {
  let spi = 256;
  return new IkeEndpoint({
    random: (n) => Uint8Array.from(randomBytes(n)),
    reserveSpi: () => spi++,
    releaseSpi: () => undefined,
    localAddress: () => address,
    date: () => Date.now(),
    ikePort: 500,
    natPort: 4500,
  });
}

/** One handshake with this suite ("chacha20poly1305-sha256-x25519"). @throws Error when it does not come to an SA */
export function handshake(suite: string): void {
  const common = {
    auth: { kind: "psk", secret: text.encode("a secret for a benchmark") },
    ikeProposals: [suite],
    children: [
      {
        name: "net",
        local: [any],
        remote: [any],
        espProposals: ["chacha20poly1305"],
        lifetime: { ms: 3_600_000, jitter: 0.1 },
      },
    ],
    ikeLifetime: { ms: 14_400_000, jitter: 0.1 },
    dpd: 30_000,
    encapsulation: "always",
  } as const satisfies Partial<PeerConfig>;
  const ends = { a: endpoint(A), b: endpoint(B) };
  const queue: { readonly to: "a" | "b"; readonly datagram: Datagram }[] = [];
  let installed = 0;
  const apply = (from: "a" | "b", effects: readonly Effect[]) => {
    for (const effect of effects) {
      if (effect.kind === "install") installed++;
      if (effect.kind !== "send") continue;
      const { local, remote, bytes } = effect.datagram;
      queue.push({ to: from === "a" ? "b" : "a", datagram: { local: remote, remote: local, bytes: bytes.slice() } });
    }
  };
  const now = 1000;
  const names = { localId: identity("a.vcpe.test"), remoteId: identity("b.vcpe.test") };
  apply(
    "b",
    ends.b.add({ ...common, name: "a", localId: names.remoteId, remoteId: names.localId, initiate: false }, now),
  );
  apply("a", ends.a.add({ ...common, ...names, name: "b", remote: { address: B }, initiate: true }, now));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    apply(next.to, ends[next.to].handle(next.datagram, now));
  }
  if (installed !== 2) throw new Error(`the handshake with ${suite} came to ${installed} of 2 Child SAs`);
}
