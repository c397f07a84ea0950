/** How a setting of the host that was borrowed goes back to what it was: only where it is still as the router left it. */
import { LAST_METRIC, ROUTE_PROTOCOL } from "../linux/routes.ts";
import { familyOf } from "./address.ts";
import type { Host, KernelRoute } from "./host.ts";
import { type Change, type NamespaceId, subjectOf } from "./ledger.ts";

/**
 * Puts it back; what was done, as text. `alone` runs what it is given while no other router looks at settings, and not at all when
 * another one needs this one.
 *
 * @throws LinuxError as the host refuses it
 */
export async function putBack(
  change: Change,
  host: Host,
  alone: (act: () => void) => Promise<void>,
): Promise<string[]> {
  const done: string[] = [];
  switch (change.kind) {
    case "sysctl":
      // Another namespace of the same name was never changed.
      if (change.netns && host.namespaceId(change.netns.name) !== change.netns.id) break;
      await alone(() =>
        at(host, change.netns, () => {
          // Somebody else has set it since: theirs it is.
          if (host.readSysctl(change.key) !== change.after || change.before === change.after) return;
          host.writeSysctl(change.key, change.before);
          done.push(`${subjectOf(change)} is ${change.before} again`);
        }),
      );
      break;
    case "mtu": {
      const link = (await host.listLinks()).find(({ name }) => name === change.link);
      if (link?.mtu !== change.after) break;
      await host.setLink(change.link, { mtu: change.before });
      done.push(`MTU of ${change.link} is ${change.before} again`);
      break;
    }
    case "feature": {
      const link = (await host.listLinks()).find(({ index }) => index === change.index);
      if (!link) break;
      await alone(() => {
        if (host.features(link.name).get(change.feature)?.wanted !== true) return;
        host.setFeature(link.name, change.feature, false);
        done.push(`${change.feature} of ${link.name} is off again`);
      });
      break;
    }
    case "napi": {
      const link = (await host.listLinks()).find(({ index }) => index === change.index);
      if (!link) break;
      await alone(() => {
        if (host.readNapi(link, change.setting) !== change.after) return;
        host.writeNapi(link, change.setting, change.before);
        done.push(`${change.setting} of ${link.name} is ${change.before} again`);
      });
      break;
    }
    case "table": {
      const { table, links } = change;
      const rules = (await host.listRules()).filter((rule) => rule.table === table);
      for (const rule of rules) {
        if (rule.iif !== undefined && links.includes(rule.iif)) await host.changeRule("delete", rule);
      }
      const routes = await host.listRoutes({ table, protocol: ROUTE_PROTOCOL });
      await host.changeRoutes("delete", routes);
      if (rules.length + routes.length > 0) done.push(`routing table ${table} is empty again`);
      break;
    }
    case "fences": {
      const gone = await dropFences(host, new Set(change.prefixes));
      if (gone > 0) done.push(`${gone} prefixes are no longer fenced in`);
      break;
    }
    case "tun": {
      const link = (await host.listLinks()).find(({ name }) => name === change.device);
      if (link?.kind !== "tun") break;
      await host.deleteLink(change.device);
      done.push(`TUN device ${change.device} is gone`);
    }
  }
  return done;
}

/** Takes down those fences around these prefixes that are there; how many. @throws LinuxError */
export async function dropFences(host: Host, prefixes: ReadonlySet<string>): Promise<number> {
  if (prefixes.size === 0) return 0;
  const found = (await host.listRoutes({ protocol: ROUTE_PROTOCOL })).filter(
    ({ kind, metric, prefix }) => kind === "unreachable" && metric === LAST_METRIC && prefixes.has(prefix),
  );
  for (const family of [4, 6] as const) {
    const routes = found.filter(({ prefix }) => familyOf(prefix) === family);
    const bare = routes.map(({ prefix }) => fenceOf(prefix));
    if (bare.length > 0) await host.changeRoutes("delete", bare);
  }
  return found.length;
}

/** The second route of a prefix (fences.ts). */
export function fenceOf(prefix: string): KernelRoute {
  return { prefix, kind: "unreachable", metric: LAST_METRIC };
}

/** Kernel parameters are those of this namespace while `act` runs. */
export function at(host: Host, netns: NamespaceId | undefined, act: () => void): void {
  if (netns) host.inside(netns.name, act);
  else act();
}
