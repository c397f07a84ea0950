/**
 * GRO forwarding of UDP, as a device's features have it. With it the kernel puts datagrams of a flow together when they come in,
 * and hands them to the TUN device as one (USO). udp_gro_receive (net/ipv4/udp_offload.c) asks for rx-gro, then for rx-gro-list,
 * which goes first and whose packets a TUN device cannot take whole, then for rx-udp-gro-forwarding.
 */
import type { Features } from "./host.ts";

const GRO = "rx-gro";
const FORWARDING = "rx-udp-gro-forwarding";
const LIST = "rx-gro-list";

/** What must be on, in the order in which it is switched on. */
export const NEEDED = [GRO, FORWARDING] as const;

export type Forwarding =
  | { readonly state: "on" }
  | { readonly state: "ready"; readonly missing: readonly string[] }
  /** `next`: what could be done about it, a sentence; "": nothing. */
  | { readonly state: "cannot"; readonly why: string; readonly next: string };

export function forwardingOf(link: string, features: Features): Forwarding {
  for (const name of NEEDED) {
    if (!features.has(name)) {
      return { state: "cannot", why: `this kernel has no ${name} (Linux 5.12 and later)`, next: "Use a newer kernel." };
    }
  }
  if (features.get(LIST)?.active) {
    const why = `${LIST} is on, which goes before ${FORWARDING}`;
    return { state: "cannot", why, next: `Switch it off: ethtool -K ${link} ${LIST} off.` };
  }
  const missing = NEEDED.filter((name) => features.get(name)?.active !== true);
  if (missing.length === 0) return { state: "on" };
  const stuck = missing.find((name) => features.get(name)?.fixed || features.get(name)?.wanted);
  if (stuck) return { state: "cannot", why: `the device has no ${stuck}`, next: "" };
  return { state: "ready", missing };
}
