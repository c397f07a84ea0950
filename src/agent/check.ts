/** Holds each part of a configuration against its piece of the RouterConfig's schema, before the router sees it. */
import Type from "typebox";
import Compile from "typebox/compile";
import { RouterConfig } from "../router/config/config.ts";
import { registerFormats } from "../router/config/formats.ts";

type Check = { Check(value: unknown): boolean };

let checks: ReadonlyMap<string, Check> | undefined;

/** Kind of part ("head", "tunnel" …) → its check. Compiled when first needed: it takes a moment. */
function all(): ReadonlyMap<string, Check> {
  if (checks) return checks;
  registerFormats();
  const { vrfs, attachments, filters, tunnels, routes } = RouterConfig.properties;
  const head = Type.Omit(RouterConfig, ["vrfs", "attachments", "filters", "tunnels", "routes", "credentials"], {
    additionalProperties: false,
  });
  const reach = Type.Object(
    { vrf: vrfs.items.properties.name, routes: tunnels.items.properties.routes },
    { additionalProperties: false },
  );
  checks = new Map<string, Check>([
    ["head", Compile(head)],
    ["vrf", Compile(vrfs.items)],
    ["attachment", Compile(attachments.items)],
    ["filter", Compile(filters.items)],
    ["tunnel", Compile(tunnels.items)],
    ["route", Compile(routes.items)],
    ["reach", Compile(reach)],
  ]);
  return checks;
}

/** What is wrong with a part, without a full stop; undefined: it is good. */
export function partFault(key: string, part: unknown): string | undefined {
  const [kind] = key.split("/", 1);
  const check = all().get(kind);
  if (!check || (kind === "head") !== (key === kind))
    return `"${key}" is no part of a configuration that this version knows`;
  return check.Check(part) ? undefined : `part "${key}" is not as this version knows it`;
}
