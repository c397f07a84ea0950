/**
 * Intent → the configuration of every router, in parts. Pure and deterministic: the same intent gives the same bytes (`canonical`).
 *
 * A connected component (a CEN with its CCNs, VPCs and VBRs, or a CCN alone) becomes one VRF on every router that has to do with it.
 * Nothing of one component is looked at when another one is compiled, so nothing can leak.
 */
import type { Parts } from "../../protocol/parts.ts";
import type { Intent } from "../model/intent.ts";
import { Compiler } from "./compiler.ts";

export { Compiler };

/** All of it from scratch. */
export function compile(intent: Intent): ReadonlyMap<string, Parts> {
  return new Compiler(intent).all;
}
