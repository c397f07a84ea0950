/** Where networks of VPCs and leased lines are on a gateway's host: only where its access point offers it, and each place takes one. */
import type { Directory } from "../directory.ts";
import type { Violation } from "../intent.ts";
import { placeKey, placeOf } from "../place.ts";
import type { Resource } from "../resources.ts";
import { isHost } from "./host.ts";
import { breach, called, changedIn, MOST, type Rule, some } from "./rule.ts";

/** TUN devices that a gateway can serve are 1024; the rest is for what it may need besides. */
const MOST_ATTACHED = 1000;

type Point = Resource<"access-point">;
type Network = Resource<"vpc"> | Resource<"vbr">;

const WORDS = {
  vpc: { many: "VPCs", notOffered: "place-not-offered", taken: "place-taken", inUse: "place-in-use" },
  vbr: {
    many: "leased lines",
    notOffered: "interface-not-offered",
    taken: "interface-taken",
    inUse: "interface-in-use",
  },
} as const;

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
  if (after?.kind === "access-point") {
    const lists = ["lineInterfaces", "vpcNamespaces", "vpcVrfs"] as const;
    return changedIn(change, ...lists) ? withdrawn(after, directory) : [];
  }
  if ((after?.kind !== "vpc" && after?.kind !== "vbr") || !changedIn(change, placeOf(after).key, "accessPoint"))
    return [];
  const point = directory.get("access-point", after.accessPoint);
  return point ? [...foreign(after, point), ...taken(after, point, directory)] : [];
};

/** The far end of a leased line. */
export const checkNextHop: Rule = ({ after }) => {
  if (after?.kind !== "vbr" || after.nextHop === null || isHost(after.nextHop)) return [];
  return [
    breach(
      "address",
      after,
      "nextHop",
      `${after.nextHop} is not the IPv4 address of one host`,
      "Correct it, or leave it out when the prefixes are on the link",
    ),
  ];
};

/**
 * What is not for customers: what goes in and out where another's network is, or the host's own (its uplink), would be this one's. Who may
 * put a VPC on the host itself is a matter of roles.
 */
function foreign(network: Network, point: Point): Violation[] {
  const place = placeOf(network);
  if (offers(point, place)) return [];
  const { many, notOffered } = WORDS[network.kind];
  const { list } = place.offer!;
  return [
    breach(
      notOffered,
      network,
      place.key,
      `${called(point)} does not offer ${place.called} for ${many}; it offers ${some(point[list]) || "none"}`,
      `Use one that it offers, or have an admin add this one to its ${list}`,
      point,
    ),
  ];
}

/** Another one at the same place, whatever it is bound to: what is unbound today is in a CEN tomorrow. */
function taken(network: Network, point: Point, directory: Directory): Violation[] {
  const id = [...directory.holders(placeKey(network))].find((holder) => holder !== network.id);
  if (id === undefined) return [];
  const rival = (directory.get("vpc", id) ?? directory.get("vbr", id))!;
  const { key, called: what } = placeOf(network);
  return [
    breach(
      WORDS[network.kind].taken,
      network,
      key,
      `${what} at ${called(point)} is that of ${called(rival)} too, and routes of both would meet there`,
      next(),
      rival,
    ),
  ];

  function next(): string {
    if (network.kind === "vpc") return "Give each VPC a network namespace or VRF device of its own";
    const own = "Use another interface, such as a VLAN of its own";
    return rival.kind === "vbr" ? `${own}, or add the prefixes to the other VBR` : own;
  }
}

/** Those at this access point whose place it offers no more. */
function withdrawn(point: Point, directory: Directory): Violation[] {
  return [...directory.usersOf(point.id, "vpc"), ...directory.usersOf(point.id, "vbr")]
    .flatMap((network) => {
      const place = placeOf(network);
      if (offers(point, place)) return [];
      const { list } = place.offer!;
      return [
        breach(
          WORDS[network.kind].inUse,
          point,
          list,
          `${place.called} at ${called(point)} is that of ${called(network)}`,
          `Keep it in ${list}, or delete ${called(network)} or give it another ${place.key} first`,
          network,
        ),
      ];
    })
    .slice(0, MOST);
}

function offers(point: Point, { offer }: ReturnType<typeof placeOf>): boolean {
  return offer === null || point[offer.list].includes(offer.name);
}
