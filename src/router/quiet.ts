/** Parameters of a TUN device itself; they go with it. */
import type { Host } from "./host.ts";

/** In the network namespace that the host's parameters are those of now. */
export function quiet(host: Pick<Host, "readSysctl" | "writeSysctl">, device: string): void {
  const settings = {
    [`net/ipv4/conf/${device}/rp_filter`]: sourceCheck(host),
    // The fast path's ICMP errors come out of the device with the VRF's own address, which is the host's too: without
    // this the kernel takes them for forged and drops them on their way to the LAN.
    [`net/ipv4/conf/${device}/accept_local`]: "1",
    // No link-local address: else the kernel would speak of neighbours and routers to a device that has none.
    [`net/ipv6/conf/${device}/addr_gen_mode`]: "1",
    [`net/ipv6/conf/${device}/accept_ra`]: "0",
    [`net/ipv6/conf/${device}/router_solicitations`]: "0",
  };
  for (const [key, value] of Object.entries(settings)) {
    if (host.readSysctl(key) !== undefined) host.writeSysctl(key, value);
  }
}

/**
 * Value of rp_filter for a device where packets may come in from anywhere. The kernel takes the stricter of "all" and the device: where
 * the host wants source validation (all ≠ 0), loose mode keeps it without the one-way-only rule.
 */
export function sourceCheck(host: Pick<Host, "readSysctl">): "0" | "2" {
  return (host.readSysctl("net/ipv4/conf/all/rp_filter") ?? "0") === "0" ? "0" : "2";
}
