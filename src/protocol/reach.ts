/**
 * What all edges of a network reach through their tunnels is one list, and nearly all of a large configuration. So it is a part of its own, the
 * same value for every one of them: it is compiled, compared, hashed and written down once, and a branch more is one more route in it.
 */
import { contains, prefixOf } from "../router/address.ts";
import type { TunnelConfig, VrfConfig } from "../router/config/config.ts";

/** Part "reach/VRF": routes through each tunnel of the VRF, before the tunnel's own, but those into the router's own LAN. */
export interface Reach {
  readonly vrf: string;
  readonly routes: TunnelConfig["routes"];
}

/** The tunnel with all its routes. @param vrf of the tunnel; undefined: it has no LAN */
export function reaching(tunnel: TunnelConfig, reach: Reach | undefined, vrf: VrfConfig | undefined): TunnelConfig {
  if (!reach) return tunnel;
  const lan = vrf?.local.map(prefixOf) ?? [];
  const away = reach.routes.filter(({ prefix }) => {
    const parsed = prefixOf(prefix);
    return !lan.some((own) => contains(own, parsed));
  });
  return { ...tunnel, routes: [...away, ...tunnel.routes] };
}
