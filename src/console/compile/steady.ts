/** Of which branches which parts need no look, as nothing that they come from is another value than last time. */
import type { Branch, Component } from "./member.ts";

export interface Steady {
  /** The branch's VRF, the gateway's tunnel to it, and of its own tunnels all but the place of the access point. */
  readonly inside: boolean;
  /** That too: its access point is found where it was. */
  readonly all: boolean;
}

const NOTHING: Steady = { inside: false, all: false };

export function steady({ points, reach }: Component, earlier?: Component): (branch: Branch) => Steady {
  if (!earlier) return () => NOTHING;
  const branches = new Map(earlier.branches.map((branch) => [branch.instance, branch]));
  return ({ instance, devices, zone, at }) => {
    const was = branches.get(instance);
    const then = earlier.points.get(at);
    const now = points.get(at);
    const inside =
      was !== undefined &&
      // Whether a withdrawn block is its own to send from depends on what others publish.
      (reach === earlier.reach || instance.withdrawn.length === 0) &&
      was.zone === zone &&
      was.at === at &&
      then?.gateway === now?.gateway &&
      was.devices.length === devices.length &&
      was.devices.every((device, i) => device === devices[i]);
    return { inside, all: inside && then?.accessPoint === now?.accessPoint };
  };
}
