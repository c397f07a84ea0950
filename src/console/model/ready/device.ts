/** A device of the instance has joined, is connected and runs what is wanted. */
import { carrierOf, devicesOf, tunnelAmong } from "../carrier.ts";
import { joined } from "../status.ts";
import { broken, good, type Link } from "./link.ts";

export const deviceLink: Link = (instance, directory, observed) => {
  const devices = devicesOf(instance, directory).map(({ id, role }) => ({ id, role, seen: observed(id) }));
  if (devices.length === 0) {
    return broken(
      "no-device",
      `instance ${instance.name} has no device`,
      "Delete the instance and create it anew: devices come with it",
    );
  }
  const [first] = devices;
  if (!devices.some(({ seen }) => joined(seen))) {
    return broken(
      "not-joined",
      `no device of instance ${instance.name} has joined the console`,
      `On the branch's host run: vcpe join --console URL --serial ${first.id}, with the key that was shown when the instance was created`,
    );
  }
  const connected = devices.filter(({ seen }) => seen?.controller === "normal");
  if (connected.length === 0) {
    const known = devices.filter(({ seen }) => joined(seen));
    const [last] = known
      .map(({ seen }) => seen!.lastSeen)
      .filter((at) => at !== null)
      .sort()
      .reverse();
    const again = known.every(({ seen }) => !seen!.enrolled);
    return broken(
      "disconnected",
      `no device of instance ${instance.name} is connected to the console${last ? `; the last was seen ${last}` : ""}`,
      again
        ? `Its key was reset or its host released; join again: vcpe join --console URL --serial ${known[0].id}`
        : `See that vcpe edge runs on the host of ${known.map(({ id }) => id).join(" or ")} and reaches the console over HTTPS`,
    );
  }
  // What the other one runs helps nobody while this one carries the traffic.
  const { device: carrier } = carrierOf(instance, directory, observed, tunnelAmong(observed));
  const carrying = connected.filter(({ id }) => id === carrier);
  const judged = carrying.length > 0 ? carrying : connected;
  const [refused] = judged;
  if (judged.every(({ seen }) => seen!.error !== null)) {
    return broken(
      "config-refused",
      `device ${refused.id} could not apply its configuration: ${refused.seen!.error!.message}`,
      `On its host run: vcpe status, and mend what it names [${refused.seen!.error!.code}]`,
    );
  }
  if (judged.every(({ seen }) => seen!.sync !== "synchronized")) {
    const { id, seen } = judged[0];
    return broken(
      "synchronizing",
      `device ${id} runs configuration ${seen!.applied} and is to run ${seen!.wanted}`,
      `Wait a moment: vcpe ready ${instance.name} --wait`,
    );
  }
  const called = (all: typeof devices) => all.map(({ id, role }) => `${id} (${role})`).join(" and ");
  if (connected.length > 1) return good(`devices ${called(connected)} are connected`);
  // It goes without; but who relies on two should know.
  const missing = devices.filter((one) => !connected.includes(one));
  const rest = missing.map(({ id, role, seen }) => `; ${id} (${role}) ${joined(seen) ? "is not" : "has not joined"}`);
  return good(`device ${called(connected)} is connected${rest.join("")}`);
};
