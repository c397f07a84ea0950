/**
 * A RouterConfig in parts: one for each VRF, attachment, filter, tunnel and dropped prefix, and the head with the rest. So a change of one
 * tunnel among ten thousand travels, is compared and is kept as one part.
 */
import { hash } from "node:crypto";
import type { RouterConfig, TunnelConfig, VrfConfig } from "../router/config/config.ts";
import { type Reach, reaching } from "./reach.ts";

/**
 * Part by key: "head", "vrf/NAME", "attachment/NAME", "filter/NAME", "tunnel/NAME", "route/VRF/PREFIX", and "reach/VRF", which is what tunnels
 * have in common (reach.ts). JSON values, frozen.
 */
export type Parts = ReadonlyMap<string, unknown>;

export interface PartsDelta {
  /** New or changed parts. */
  readonly put: ReadonlyMap<string, unknown>;
  readonly remove: ReadonlySet<string>;
  /** Of parts in `put` what they were before; absent: new, or not known. */
  readonly before?: ReadonlyMap<string, unknown>;
}

/** All of a RouterConfig that is one value. Credentials are the router's own and never travel. */
export type Head = Omit<RouterConfig, "vrfs" | "attachments" | "filters" | "tunnels" | "routes" | "credentials">;

/** Parts → RouterConfig; lists in the order of their keys. @throws Error: there is no head. */
export function assemble(parts: Parts, credentials: RouterConfig["credentials"]): RouterConfig {
  const head = parts.get("head") as Head | undefined;
  if (!head) throw new Error("a configuration in parts has no head");
  const keys = [...parts.keys()].sort();
  const all = (prefix: string) => keys.filter((key) => key.startsWith(`${prefix}/`)).map((key) => parts.get(key));
  const of = (kind: string, tunnel: TunnelConfig) => parts.get(`${kind}/${tunnel.vrf}`);
  const tunnels = (all("tunnel") as TunnelConfig[]).map((tunnel) =>
    reaching(tunnel, of("reach", tunnel) as Reach | undefined, of("vrf", tunnel) as VrfConfig | undefined),
  );
  return {
    ...head,
    credentials,
    vrfs: all("vrf"),
    attachments: all("attachment"),
    filters: all("filter"),
    tunnels,
    routes: all("route"),
  } as RouterConfig;
}

/** JSON whose bytes depend on the value only: keys sorted, no white space (RFC 8785 for the values that we use). */
export function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  let text = "";
  for (const key of Object.keys(value).sort()) {
    const item = (value as Readonly<Record<string, unknown>>)[key];
    if (item !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonical(item)}`;
  }
  return `{${text}}`;
}

/** Elements of a list from which on it is hashed by itself. */
const LONG_LIST = 16;

/**
 * SHA-256 of a part, hexadecimal: of its canonical text, in which each member that is a long list stands as {"sha256": hash of the list's
 * canonical text}. Lists of a thousand routes stay as they are when something else of a tunnel changes, and are not hashed anew for it.
 * Nothing else can stand for such a list: no type of a configuration has an object where it has a list, and parts are held against it.
 */
export function partHash(part: unknown): string {
  return textHash(canonical(shortened(part, (list) => textHash(canonical(list)))));
}

/** The part as it is hashed. */
export function shortened(part: unknown, listHash: (list: readonly unknown[]) => string): unknown {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
  let short: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(part)) {
    if (!Array.isArray(value) || value.length < LONG_LIST) continue;
    short ??= { ...part };
    short[key] = { sha256: listHash(value) };
  }
  return short ?? part;
}

/** SHA-256 of the UTF-8 of a text, hexadecimal. */
export function textHash(text: string): string {
  return hash("sha256", text, "hex");
}

/** SHA-256 over all keys and hashes of parts in the order of the keys: what a signature vouches for. `hashes`: partHash by key. */
export function rootHash(hashes: ReadonlyMap<string, string>): string {
  let text = "";
  for (const key of [...hashes.keys()].sort()) text += `${key}\0${hashes.get(key)}\n`;
  return textHash(text);
}
