/** Two routers, a branch and a gateway, with one tunnel between them; the network in between is the test. */

import { randomBytes } from "node:crypto";
import { ADJ_TUNNEL, SOCKET_NAT4, SOCKET_NAT6 } from "../../../assembly/layout.ts";
import { type Outcome, Router } from "./harness.ts";
import type { End } from "./kernel.ts";
import type { Cipher, Keys } from "./oracle.ts";

export interface PairOptions {
  readonly cipher?: Cipher;
  readonly esn?: boolean;
  /** IP version outside. */
  readonly outer?: 4 | 6;
  readonly mtu?: number;
  readonly icmpRate?: number;
  /** Sequence number that both ends have reached in both directions. */
  readonly sequence?: bigint;
  readonly limit?: bigint;
}

export interface Side {
  readonly router: Router;
  readonly vrf: number;
  readonly tun: number;
  readonly local: number;
  readonly tunnel: number;
  /** Keys and slots of the SA that seals here. */
  readonly out: Keys;
  readonly outSa: number;
  readonly inSa: number;
  readonly path: number;
  readonly end: End;
}

export interface Pair {
  /** 10.1.0.0/16 and fd00:1::/32 lie behind it. */
  readonly branch: Side;
  /** 10.2.0.0/16 and fd00:2::/32. */
  readonly gateway: Side;
  readonly socket: number;
  /** Carries what one side sent to the other, in this order. */
  carry(to: Side, outcome: Outcome, order?: (sent: Outcome["sent"]) => Outcome["sent"]): Outcome;
}

export function keys(spi: number, cipher: Cipher, esn: boolean): Keys {
  return { spi, cipher, key: randomBytes(cipher === "aes128gcm16" ? 16 : 32), salt: randomBytes(4), esn };
}

export function pair(options: PairOptions = {}): Pair {
  const cipher = options.cipher ?? "chacha20poly1305";
  const esn = options.esn ?? true;
  const six = options.outer === 6;
  const ends: [End, End] = six
    ? [
        { address: "2001:db8::1", port: 4500 },
        { address: "2001:db8::2", port: 4500 },
      ]
    : [
        { address: "192.0.2.1", port: 4500 },
        { address: "192.0.2.2", port: 4500 },
      ];
  const toGateway = keys(0x51000102, cipher, esn);
  const toBranch = keys(0x52000103, cipher, esn);
  const sides = [0, 1].map((index): Side => {
    const router = new Router({ icmpRate: options.icmpRate ?? 1000 });
    const vrf = 7 + index;
    const { tun, adjacency: local } = router.tun(vrf);
    const tunnel = router.adjacency(ADJ_TUNNEL, { mtu: options.mtu ?? 0, id: 900 + index });
    const [own, peer] = index === 0 ? ends : ([ends[1], ends[0]] as const);
    const path = router.path(peer, own.address);
    const out = index === 0 ? toGateway : toBranch;
    const shared = { path, adjacency: tunnel, vrf, sequence: options.sequence ?? 0n };
    const inSa = router.sa(index === 0 ? toBranch : toGateway, shared);
    const outSa = router.sa(out, {
      ...shared,
      slot: 5,
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    });
    router.children(tunnel, { sa: outSa });
    router.vrfAddresses(vrf, `10.255.0.${index + 1}`, `fd00:ff::${index + 1}`);
    for (const [prefix, adjacency] of [
      ["10.1.0.0/16", index === 0 ? local : tunnel],
      ["10.2.0.0/16", index === 0 ? tunnel : local],
      ["fd00:1::/32", index === 0 ? local : tunnel],
      ["fd00:2::/32", index === 0 ? tunnel : local],
    ] as const) {
      router.route(vrf, prefix, adjacency);
    }
    return { router, vrf, tun, local, tunnel, out, outSa, inSa, path, end: own };
  });
  const [branch, gateway] = sides as [Side, Side];
  const socket = six ? SOCKET_NAT6 : SOCKET_NAT4;
  return {
    branch,
    gateway,
    socket,
    carry(to, outcome, order = (sent) => sent) {
      const from = to === gateway ? branch : gateway;
      const messages = order(outcome.sent).map(({ bytes, tos }) => ({ bytes, tos, from: from.end }));
      return to.router.receive(socket, ...messages);
    },
  };
}
