/** Where networks of VPCs and leased lines are on a gateway's host: each place takes one. */
import { type Directory, placeKey } from "../directory.ts";
import type { Violation } from "../intent.ts";
import { parseIpv4 } from "../prefix.ts";
import type { Resource } from "../resources.ts";
import { breach, called, changedIn, MOST, type Rule, some } from "./rule.ts";

/** TUN devices that a gateway can serve are 1024; the rest is for what it may need besides. */
const MOST_ATTACHED = 1000;

/** An access point takes so many VPCs and VBRs. */
export const checkRoom: Rule = (change, directory) => {
  const { after } = change;
  if ((after?.kind !== "vpc" && after?.kind !== "vbr") || !changedIn(change, "accessPoint")) return [];
  const count = directory.users(after.accessPoint, "vpc").size + directory.users(after.accessPoint, "vbr").size;
  if (count <= MOST_ATTACHED) return [];
  const point = directory.get("access-point", after.accessPoint);
  const where = point ? called(point) : after.accessPoint;
  return [
    breach(
      "access-point-full",
      after,
      "accessPoint",
      `${where} would have ${count} VPCs and VBRs`,
      `At most ${MOST_ATTACHED} can be there; use another access point`,
      point,
    ),
  ];
};

export const checkPlace: Rule = (change, directory) => {
  const { after } = change;
  if (after?.kind === "access-point") return changedIn(change, "lineInterfaces") ? withdrawn(after, directory) : [];
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
    const point = directory.get("access-point", after.accessPoint);
    // What leaves by an interface of the host's own (its uplink) would be the customer's, and what comes in by it, too.
    if (point && !point.lineInterfaces.includes(after.interface)) {
      found.push(
        breach(
          "interface-not-offered",
          after,
          "interface",
          `${called(point)} does not offer interface ${after.interface} for leased lines; it offers ${some(point.lineInterfaces) || "none"}`,
          "Use one that it offers, or have an admin add this one to its lineInterfaces",
          point,
        ),
      );
    }
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

/** Leased lines whose interface the access point offers no more. */
function withdrawn(point: Resource<"access-point">, directory: Directory): Violation[] {
  return directory
    .usersOf(point.id, "vbr")
    .filter((line) => !point.lineInterfaces.includes(line.interface))
    .slice(0, MOST)
    .map((line) =>
      breach(
        "interface-in-use",
        point,
        "lineInterfaces",
        `interface ${line.interface} at ${called(point)} is that of ${called(line)}`,
        `Keep it in lineInterfaces, or delete ${called(line)} or give it another interface first`,
        line,
      ),
    );
}

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
