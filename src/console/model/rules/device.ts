/** Devices: two at most for an instance, one for an access point, and what of them is settled once. */
import { addressKey } from "../directory.ts";
import type { Violation } from "../intent.ts";
import { holds, parseIpv4 } from "../prefix.ts";
import type { Resource } from "../resources.ts";
import { OVERLAY } from "./network.ts";
import { breach, called, changedIn, type Rule } from "./rule.ts";

const SERIAL = /^vcpe[a-z0-9]{12}$/;

export const checkDevice: Rule = (change, directory) => {
  const { before, after, id } = change;
  if (after?.kind !== "device") return [];
  const found: Violation[] = [];
  const tell = (code: string, path: string, message: string, next: string, other?: Resource) =>
    void found.push(breach(code, after, path, message, next, other));

  if (!SERIAL.test(id)) {
    tell(
      "serial",
      "id",
      `"${id}" is not a serial number`,
      "It is vcpe and 12 small letters or digits, and made with the instance",
    );
  }
  if ((after.instance === null) === (after.accessPoint === null)) {
    tell(
      "device-owner",
      "instance",
      `device ${id} belongs to an instance or to an access point, and to one only`,
      "Name one of them",
    );
  } else if ((after.role === "gateway") !== (after.instance === null)) {
    tell(
      "device-role",
      "role",
      `device ${id} cannot be ${after.role} there`,
      "Devices of instances are active or standby, that of an access point is the gateway",
    );
  }
  const base = parseIpv4(after.address);
  if (base === undefined || !holds(OVERLAY, { base, length: 32 })) {
    tell(
      "device-address",
      "address",
      `${after.address} of device ${id} is not in 100.64.0.0/10`,
      "Take a free address of that network",
    );
  }
  const twin = [...directory.holders(addressKey(after.address))].find((one) => one !== id);
  const other = twin === undefined ? undefined : directory.get("device", twin);
  if (other) {
    tell(
      "device-address",
      "address",
      `${after.address} of device ${id} is that of device ${twin}`,
      "Take a free one",
      other,
    );
  }
  if (before?.kind === "device") {
    if (changedIn(change, "instance", "accessPoint", "role", "address")) {
      tell(
        "device-fixed",
        "id",
        `what device ${id} belongs to, its role and its address stay as they are`,
        "Make a new instance or access point instead",
      );
    }
    if (after.generation < before.generation) {
      tell(
        "device-fixed",
        "generation",
        `device ${id} is of generation ${before.generation} and cannot go back`,
        "Raise the generation",
      );
    }
  }
  return found;
};

/** How many devices an instance or access point has once all is done. */
export const checkDevices: Rule = ({ before, after }, directory) => {
  const found: Violation[] = [];
  const owners = new Map<string, Resource<"instance"> | Resource<"access-point">>();
  for (const side of [before, after]) {
    const instance =
      side?.kind === "device" && side.instance !== null ? directory.get("instance", side.instance) : undefined;
    const point =
      side?.kind === "device" && side.accessPoint !== null
        ? directory.get("access-point", side.accessPoint)
        : undefined;
    const owner =
      instance ?? point ?? (side?.kind === "access-point" ? directory.get("access-point", side.id) : undefined);
    if (owner) owners.set(owner.id, owner);
  }
  for (const owner of owners.values()) {
    const devices = directory.usersOf(owner.id, "device");
    const serials = devices.map(({ id }) => id).join(", ") || "none";
    if (owner.kind === "access-point" && devices.length !== 1) {
      found.push(
        breach(
          "gateway-count",
          owner,
          "id",
          `${called(owner)} has one gateway device, and would have ${devices.length} (${serials})`,
          "Make and delete the device together with its access point",
        ),
      );
    }
    if (owner.kind !== "instance") continue;
    const roles = devices.map(({ role }) => role);
    if (devices.length > 2 || new Set(roles).size < roles.length) {
      found.push(
        breach(
          "device-count",
          owner,
          "id",
          `${called(owner)} has at most one active and one standby device, and would have ${serials}`,
          "Delete one of them",
        ),
      );
    }
  }
  return found;
};
