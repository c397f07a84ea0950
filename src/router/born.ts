/** What a router is born with: it stands in the datapath, or in its threads and sockets, from the start to the end. */
import type { RouterConfig } from "./config/config.ts";

/** The keys where the two differ; such a change needs a restart. */
export function changedForGood(was: RouterConfig, now: RouterConfig): string[] {
  const changed: string[] = [];
  if (was.name !== now.name) changed.push("name");
  if (was.workers !== now.workers) changed.push("workers");
  for (const key of ["chacha20poly1305", "aes128gcm16", "aes256gcm16"] as const) {
    if (was.engines[key] !== now.engines[key]) changed.push(`engines.${key}`);
  }
  if (was.pin !== now.pin) changed.push("pin");
  if (was.moderation !== now.moderation) changed.push("moderation");
  if (was.flows.limit !== now.flows.limit) changed.push("flows.limit");
  for (const key of ["ipv4", "ipv6", "ikePort", "natPort"] as const) {
    if (was.outer[key] !== now.outer[key]) changed.push(`outer.${key}`);
  }
  for (const key of ["tso", "uso", "gso", "gro", "coalesce"] as const) {
    if (was.offload[key] !== now.offload[key]) changed.push(`offload.${key}`);
  }
  return changed;
}
