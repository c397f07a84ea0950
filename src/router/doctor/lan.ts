/** GRO forwarding where packets of the local prefixes come in: is it on, will a router switch it on, or why can't it. Changes nothing. */
import type { RouterConfig } from "../config/config.ts";
import { entrances } from "../entrances.ts";
import { forwardingOf } from "../forwarding.ts";
import type { Host, Link } from "../host.ts";
import { modelOf } from "../model.ts";
import type { ResourceOf } from "../resource.ts";
import { type Check, failedBy, ok, warning } from "./check.ts";

/** `uso`: "on", or "off: " and why. */
export async function lanChecks(config: RouterConfig, host: Host, uso: string): Promise<Check[]> {
  const wish = modelOf(config).get("lan") as ResourceOf<"lan"> | undefined;
  if (!wish) return [];
  try {
    const ways = wish.interfaces ? [] : await host.waysTo(wish.prefixes);
    const { found, blind } = entrances(wish, await host.listLinks(), ways);
    return [
      ...found.map(({ link, via }) => lanCheck(wish, host, link, via, uso)),
      ...blind.map(({ name, why }) =>
        warning(
          `LAN ${name}`.trim(),
          `Nothing to set GRO forwarding at: ${why}.`,
          "See `ip route`, or name the interfaces (lan.interfaces).",
        ),
      ),
    ];
  } catch (error) {
    return [failedBy("LAN", error)];
  }
}

function lanCheck(
  { gro, holdUs }: ResourceOf<"lan">,
  host: Host,
  link: Link,
  via: readonly string[],
  uso: string,
): Check {
  const check = `LAN ${link.name}`;
  const below = via.length === 0 ? "" : ` (below ${via.join(", ")})`;
  if (!gro) return ok(check, `GRO forwarding${below} is left alone, by configuration.`);
  if (uso === "off: by configuration")
    return ok(check, `GRO forwarding${below} is left alone, as USO is switched off.`);
  if (uso !== "on") {
    return warning(check, `GRO forwarding${below} is of no use, as USO is ${uso}.`, "Use a newer kernel.");
  }
  const forwarding = forwardingOf(link.name, host.features(link.name));
  if (forwarding.state === "cannot") {
    return warning(check, `No GRO forwarding${below}: ${forwarding.why}.`, forwarding.next);
  }
  const says = forwarding.state === "on" ? "is on" : "is off; a router switches it on while it runs";
  if (link.kind === "veth" && holdUs === 0) {
    return warning(
      check,
      `GRO forwarding${below} ${says}, but veth gathers no packets by itself.`,
      "If a delay of up to 0.1 ms is no harm, set lan.holdUs: 100.",
    );
  }
  return ok(check, `GRO forwarding${below} ${says}.`);
}
