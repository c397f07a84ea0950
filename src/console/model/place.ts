/** Where the network of a VPC or leased line is on the host of its access point's gateway. */
import type { Resource } from "./resources.ts";

type Network = Resource<"vpc"> | Resource<"vbr">;

export interface Place {
  /** Key of the VPC or VBR that names it. */
  readonly key: "place" | "interface";
  /** "network namespace web". */
  readonly called: string;
  /** What the access point must have in one of its lists; null: the host itself, which is in none. */
  readonly offer: { readonly list: "vpcNamespaces" | "vpcVrfs" | "lineInterfaces"; readonly name: string } | null;
}

export function placeOf(network: Network): Place {
  if (network.kind === "vbr") {
    const name = network.interface;
    return { key: "interface", called: `interface ${name}`, offer: { list: "lineInterfaces", name } };
  }
  const { place } = network;
  switch (place.kind) {
    case "namespace": {
      const { name } = place;
      return { key: "place", called: `network namespace ${name}`, offer: { list: "vpcNamespaces", name } };
    }
    case "vrf": {
      const name = place.device;
      return { key: "place", called: `VRF device ${name}`, offer: { list: "vpcVrfs", name } };
    }
    case "host":
      return { key: "place", called: "the host itself", offer: null };
  }
}

/** Equal for two that would meet there: a line that ends at a VRF device takes what comes in for the VPC in it, and the other way round. */
export function placeKey(network: Network): string {
  const { accessPoint } = network;
  if (network.kind === "vbr") return `device ${accessPoint} ${network.interface}`;
  const { place } = network;
  switch (place.kind) {
    case "namespace":
      return `namespace ${accessPoint} ${place.name}`;
    case "vrf":
      return `device ${accessPoint} ${place.device}`;
    case "host":
      return `host ${accessPoint}`;
  }
}
