/** The instance may have tunnels, has networks that others may reach, and an access point. */
import { gatewayBehind } from "./gateway.ts";
import { broken, good, type Link } from "./link.ts";

export const instanceLink: Link = (instance, directory, observed) => {
  const { name, cidrs, withdrawn } = instance;
  if (instance.locked) {
    return broken("locked", `instance ${name} is locked`, `Run: vcpe unlock instance ${name}`);
  }
  if (!instance.activated) {
    return broken("not-activated", `instance ${name} is not activated`, `Run: vcpe activate instance ${name}`);
  }
  if (cidrs.length === 0) {
    return broken(
      "no-cidr",
      `instance ${name} has no private CIDR block`,
      `Name the networks of the branch: vcpe update instance ${name} --cidrs 192.168.10.0/24`,
    );
  }
  if (cidrs.every((cidr) => withdrawn.includes(cidr))) {
    return broken(
      "withdrawn",
      `every CIDR block of instance ${name} is withdrawn`,
      `Publish them: vcpe update instance ${name} --withdrawn ""`,
    );
  }
  const point = directory.accessPointOf(instance);
  const area = directory.get("area", instance.area)?.name ?? instance.area;
  if (!point) {
    return broken(
      "no-access-point",
      `area ${area} has no access point for instance ${name}`,
      `Make one: vcpe create access-point NAME --area ${area} --region REGION --ipv4 ADDRESS`,
    );
  }
  const gateway = directory.gatewayOf(point.id);
  if (!gateway || observed(gateway.id)?.controller !== "normal") {
    return broken(
      "gateway-down",
      `the gateway of access point ${point.name} is not connected to the console`,
      gateway
        ? `On its host run: vcpe gateway; the first time: vcpe join --console URL --serial ${gateway.id}`
        : "Delete the access point and create it anew: its device comes with it",
    );
  }
  const behind = gatewayBehind(point, observed(gateway.id)!, name);
  if (behind) return behind;
  return good(`instance ${name} is activated and uses access point ${point.name}`);
};
