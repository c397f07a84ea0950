/** Where networks of VPCs and leased lines are on a gateway's host: each place takes one. */
import { type Directory, placeKey } from "../directory.ts";
import type { Violation } from "../intent.ts";
import { parseIpv4 } from "../prefix.ts";
import type { Resource } from "../resources.ts";
import { breach, called, changedIn, type Rule } from "./rule.ts";

export const checkPlace: Rule = (change, directory) => {
  const { after } = change;
  if (after?.kind === "vpc" && changedIn(change, "place", "accessPoint")) {
    const rival = rivalOf(after, directory);
    if (!rival) return [];
    return [
      breach(
        "place-taken",
        after,
        "place",
        `${placeOf(after)} at ${at(after.accessPoint)} is that of ${called(rival)} too, and routes of both would meet there`,
        "Give each VPC a network namespace or VRF device of its own",
        rival,
      ),
    ];
  }
  if (after?.kind !== "vbr") return [];
  const found: Violation[] = [];
  if (changedIn(change, "interface", "accessPoint")) {
    const rival = rivalOf(after, directory);
    if (rival) {
      found.push(
        breach(
          "interface-taken",
          after,
          "interface",
          `interface ${after.interface} at ${at(after.accessPoint)} is that of ${called(rival)} too`,
          "Use another interface, such as a VLAN of its own, or add the prefixes to the other VBR",
          rival,
        ),
      );
    }
  }
  if (after.nextHop !== null && !isHost(after.nextHop)) {
    found.push(
      breach(
        "address",
        after,
        "nextHop",
        `${after.nextHop} is not the IPv4 address of one host`,
        "Correct it, or leave it out when the prefixes are on the link",
      ),
    );
  }
  return found;

  function at(id: string): string {
    const point = directory.get("access-point", id);
    return point ? called(point) : `access point ${id}`;
  }
};

/** Another one at the same place. */
function rivalOf(one: Resource<"vpc"> | Resource<"vbr">, directory: Directory): Resource | undefined {
  const rival = [...directory.holders(placeKey(one))].find((id) => id !== one.id);
  return rival === undefined ? undefined : directory.get(one.kind, rival);
}

function placeOf({ place }: Resource<"vpc">): string {
  switch (place.kind) {
    case "namespace":
      return `network namespace ${place.name}`;
    case "vrf":
      return `VRF device ${place.device}`;
    case "host":
      return "the host itself";
  }
}

function isHost(text: string): boolean {
  const value = parseIpv4(text);
  return value !== undefined && value >= 2 ** 24 && value < 224 * 2 ** 24 && value >>> 24 !== 127;
}
