/** The instance is bound to a CCN, and its tunnel to the access point is up. */
import { carrierOf, devicesOf, tunnelAmong } from "../carrier.ts";
import { wantsTunnels } from "../status.ts";
import { broken, good, type Link, waits } from "./link.ts";

export const ccnLink: Link = (instance, directory, observed) => {
  if (instance.ccn === null) {
    return broken(
      "not-bound",
      `instance ${instance.name} is bound to no CCN`,
      `Run: vcpe bind instance ${instance.name} ccn CCN`,
    );
  }
  const name = directory.get("ccn", instance.ccn)?.name ?? instance.ccn;
  if (!wantsTunnels(instance, directory))
    return waits(`instance ${instance.name} is bound to CCN ${name}, but is to have no tunnel yet`);
  const devices = devicesOf(instance, directory);
  const { device, knownBy } = carrierOf(instance, directory, observed, tunnelAmong(observed));
  const seen = device === null ? undefined : observed(device);
  // A device that has lost its tunnel knows so before its gateway does.
  if (device !== null && !(seen?.controller === "normal" && seen.vpn === "abnormal")) {
    const point = directory.accessPointOf(instance)!;
    const gateway = directory.gatewayOf(point.id)!;
    if (knownBy === "gateway" && tunnelAmong(observed)(gateway.id, device)?.silent) {
      return broken(
        "tunnel-silent",
        `the gateway of access point ${point.name} hears nothing from ${device}, which carries the traffic of instance ${instance.name}`,
        `See that the host of ${device} runs and has its uplink; nothing is to be done at the console`,
      );
    }
    const guessed = knownBy === "devices" ? ", as far as the devices tell: their gateway does not" : "";
    return good(`instance ${instance.name} is bound to CCN ${name}; ${device} carries its traffic${guessed}`);
  }
  if (!devices.some(({ id }) => observed(id)?.controller === "normal")) {
    return waits(`instance ${instance.name} is bound to CCN ${name}, but no device is connected`);
  }
  const point = directory.accessPointOf(instance)!;
  const why = devices
    .flatMap(({ id }) => observed(id)?.tunnels ?? [])
    .find(({ lastError }) => lastError !== null)?.lastError;
  return broken(
    "tunnel-down",
    `no tunnel of instance ${instance.name} to access point ${point.name} is up${why ? `: ${why}` : ""}`,
    `See that UDP ${point.ikePort} and ${point.natPort} from the branch reach ${point.ipv4 ?? point.ipv6}; on the host run: vcpe doctor`,
  );
};
