/** Which branches need no look, as nothing that their parts come from is another value than last time. */
import type { Branch, Component } from "./member.ts";

export function steady({ points, published }: Component, earlier?: Component): (branch: Branch) => boolean {
  const same =
    earlier?.published.length === published.length &&
    published.every(({ fromEdge, owner, zone }, i) => {
      const was = earlier.published[i];
      return was.fromEdge === fromEdge && was.owner === owner && was.zone === zone;
    });
  if (!same) return () => false;
  const branches = new Map(earlier.branches.map((branch) => [branch.instance, branch]));
  return ({ instance, devices, zone, at }) => {
    const was = branches.get(instance);
    const then = earlier.points.get(at);
    const now = points.get(at);
    return (
      was !== undefined &&
      was.zone === zone &&
      was.at === at &&
      then?.accessPoint === now?.accessPoint &&
      then?.gateway === now?.gateway &&
      was.devices.length === devices.length &&
      was.devices.every((device, i) => device === devices[i])
    );
  };
}
