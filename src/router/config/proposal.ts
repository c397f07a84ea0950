/** Proposal names of a configuration, held against the suites that the IKE core offers. */
import { espProposal, ikeProposal } from "../../ike/suite/index.ts";
import type { Fault } from "./formats.ts";

/** What is wrong with a proposal name, and what there is to choose from; undefined: it is one of ours. */
export function proposalFault(protocol: "ike" | "esp", name: string): Fault | undefined {
  try {
    if (protocol === "ike") ikeProposal(name);
    else espProposal(name);
    return undefined;
  } catch (error) {
    const sentence = (error as Error).message;
    const at = sentence.indexOf(". ");
    return at < 0
      ? { message: sentence, next: "Choose another proposal" }
      : { message: sentence.slice(0, at), next: sentence.slice(at + 2) };
  }
}
