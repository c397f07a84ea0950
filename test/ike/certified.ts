/** Two sites with certificates of one authority. */
import { beforeAll, expect } from "vitest";
import type { CredentialsConfig } from "../../src/ike/endpoint.ts";
import type { PeerConfig } from "../../src/ike/peer.ts";
import { Holder } from "./authority.ts";
import type { Host } from "./network.ts";
import { type Sites, type SitesOptions, sites, talks } from "./peers.ts";

export const A = "a.vcpe.test";

export const B = "b.vcpe.test";

export let root: Holder;

/** Of A and of B, issued by `root`. */
export let holders: { readonly a: Holder; readonly b: Holder };

beforeAll(async () => {
  root = await Holder.root("Root");
  const [a, b] = await Promise.all([root.issue(A), root.issue(B)]);
  holders = { a, b };
});

export const credentials = (holder: Holder, between: readonly Holder[] = [], trust: readonly Holder[] = [root]) => ({
  chain: [holder, ...between].map(({ der }) => der),
  key: holder.key,
  trust: trust.map(({ der }) => der),
});

export const certificate = (peer: string): PeerConfig["auth"] => ({ kind: "certificate", peer });

export interface Certified extends SitesOptions {
  readonly ours?: CredentialsConfig | undefined;
  readonly theirs?: CredentialsConfig | undefined;
}

export const give = (host: Host, config: CredentialsConfig | undefined) =>
  host.do((ike, now) => ike.credentials(config, now));

/** Both sites with credentials; a (Root's a.vcpe.test) begins. */
export function certified(options: Certified = {}): Sites {
  const both = sites({
    ...options,
    a: { auth: certificate(B), ...options.a },
    b: { auth: certificate(A), ...options.b },
  });
  give(both.a, "ours" in options ? options.ours : credentials(holders.a));
  give(both.b, "theirs" in options ? options.theirs : credentials(holders.b));
  return both;
}

export function started(options: Certified = {}): Sites {
  const both = certified(options);
  both.start();
  both.network.run(3_000);
  return both;
}

/** Neither side believes; what the log of `side` says. */
export function refusedAt(both: Sites, side: "a" | "b", code = "authentication-failed"): string {
  expect(talks(both)).toBe(false);
  for (const host of [both.a, both.b]) expect(host.datapath.sending.size).toBe(0);
  expect(both[side].ike.counters()["authentication-failed"]).toBeGreaterThanOrEqual(1);
  const event = both[side].events.find((one) => one.code === code);
  expect(both[side === "a" ? "b" : "a"].ike.status()[0]!.state).not.toBe("up");
  return event?.message ?? "";
}
