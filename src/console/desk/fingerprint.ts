/**
 * A fingerprint of a router's parts: the beginning of their root hash (protocol/parts.ts). It tells whether a program that starts compiles
 * the stored intent to what its forerunner compiled; it guards against accidents, not against forgers.
 */
import type { Parts } from "../../protocol/parts.ts";
import { sharedRoot } from "../../protocol/shared.ts";

/** Not worked out yet. */
export const UNKNOWN = -1;

/** 0 … 2^48 - 1. */
export function fingerprintOf(parts: Parts): number {
  return Number.parseInt(sharedRoot(parts).slice(0, 12), 16);
}
