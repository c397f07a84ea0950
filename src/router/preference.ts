/** Of several tunnels with the same prefix, the one that carries it. No I/O. */
import type { Hop, Via } from "./resource.ts";

/** up: a Child SA sends, and the peer answers; doubtful: it sends, but the peer is silent when asked; down: none sends. */
export type Health = "up" | "doubtful" | "down";

/**
 * The most preferred tunnel that is up; else the most preferred that may still be; else the most preferred of all, so that a packet
 * starts it. Undefined health counts as down.
 */
export function chosen(
  via: Extract<Via, { readonly kind: "tunnel" }>,
  health: (tunnel: string) => Health | undefined,
): Hop {
  const hops: readonly Hop[] = [via, ...(via.standby ?? [])];
  const first = (state: Health) => hops.find(({ name }) => health(name) === state);
  return first("up") ?? first("doubtful") ?? via;
}
