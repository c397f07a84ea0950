/** A gateway that is connected and does not run what is wanted: routes and rules that were asked for may not be in force there. */
import type { Observed } from "../observed.ts";
import type { Resource } from "../resources.ts";
import { broken, type Found } from "./link.ts";

/** @param instance name of the one that is asked about. undefined: it runs what is wanted */
export function gatewayBehind(point: Resource<"access-point">, seen: Observed, instance: string): Found | undefined {
  if (seen.error !== null) {
    return broken(
      "gateway-refused",
      `the gateway of access point ${point.name} could not apply its configuration: ${seen.error.message}`,
      `On its host run: vcpe status, and mend what it names [${seen.error.code}]`,
    );
  }
  if (seen.sync === "synchronized") return undefined;
  return broken(
    "gateway-synchronizing",
    `the gateway of access point ${point.name} runs configuration ${seen.applied} and is to run ${seen.wanted}`,
    `Wait a moment: vcpe ready ${instance} --wait`,
  );
}
