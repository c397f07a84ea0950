/** What an operator forbids ends at once, also for connections that are open; and nothing else ends with it. */
import type { Check } from "../checks.ts";
import type { Lab } from "../lab.ts";
import { holdOpen } from "../marker.ts";
import { type AccessRow, tryAccess, waysBetweenBranches, waysToServers } from "./access.ts";
import { NETWORKS } from "./cloud.ts";
import type { Operator } from "./operator.ts";
import { BRANCHES, CLOUDS } from "./plan.ts";
import { inStep, letIn, ruleOf } from "./steps.ts";

/** Longest time from a rule's deletion to the end of a connection that it let in, ms. */
const CUT_MS = 10_000;

/** Interworking off: branches no longer reach each other and still reach the VPCs; on: all is as before. */
export async function interworking(lab: Lab, operator: Operator, signal?: AbortSignal): Promise<AccessRow[]> {
  const { ccn } = NETWORKS.corp;
  await operator.type("update", "ccn", ccn, "--no-interworking");
  await inStep(operator);
  const off = await Promise.all([
    tryAccess(lab, waysBetweenBranches("corp"), "refused", signal),
    tryAccess(lab, waysToServers("corp"), "allowed", signal),
  ]);
  await operator.type("update", "ccn", ccn, "--interworking");
  await inStep(operator);
  return [...off.flat(), ...(await tryAccess(lab, waysBetweenBranches("corp"), "allowed", signal))];
}

/** A TCP connection into a VPC is cut when the rule that let it in is deleted; one into another VPC goes on. */
export async function openConnections(lab: Lab, operator: Operator): Promise<Check> {
  const [branch] = BRANCHES;
  const [mine, other] = CLOUDS;
  const namespace = lab.namespace(branch!.host);
  const hold = ({ server, address }: { server: string; address: string }) =>
    holdOpen(lab.state, `${branch!.host} to ${server}`, namespace, address);
  const [cut, kept] = await Promise.all([hold(mine!), hold(other!)]);
  try {
    await operator.type("delete", "rule", ruleOf(branch!.instance, mine!.vpc));
    const begun = performance.now();
    const ended = () => cut.said().includes("cut");
    while (!ended() && performance.now() - begun < CUT_MS) await new Promise((resolve) => setTimeout(resolve, 50));
    const waited = ended() ? `cut after ${((performance.now() - begun) / 1000).toFixed(1)} s` : "not cut";
    const goesOn = kept.running && !kept.said().includes("cut");
    await letIn(operator, branch!, mine!);
    await inStep(operator);
    return {
      name: `an open connection to ${mine!.server} ends with its rule, one to ${other!.server} does not`,
      ok: ended() && goesOn,
      detail: `${waited}; the other ${goesOn ? "goes on" : "ended"}`,
    };
  } finally {
    await Promise.all([cut.stop(500), kept.stop(500)]);
  }
}
