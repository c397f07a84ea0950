/** Of several tunnels with the same prefix, the one that carries it. No I/O. */
import type { Via } from "./resource.ts";

/** up: a Child SA sends, and the peer answers; doubtful: it sends, but the peer is silent when asked; down: none sends. */
export type Health = "up" | "doubtful" | "down";

/**
 * The most preferred tunnel that is up; else the most preferred that may still be; else the most preferred of all, so that a packet
 * starts it. Undefined health counts as down.
 */
export function chosen(
  { name, standby = [] }: Extract<Via, { readonly kind: "tunnel" }>,
  health: (tunnel: string) => Health | undefined,
): string {
  const names = [name, ...standby.map((hop) => hop.name)];
  const first = (state: Health) => names.find((one) => health(one) === state);
  return first("up") ?? first("doubtful") ?? name;
}
