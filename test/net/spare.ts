/** The tutorial's region with a second device at the Hangzhou branch. */
import type { Plan } from "../../src/lab/plan.ts";
import { TUTORIAL } from "../../src/lab/tutorial/plan.ts";

/** Place of the standby device of the Hangzhou branch. Its LAN has the address of the active one's, as with VRRP. */
export const SPARE = "hangzhou-spare";
export const EDGE_ADDRESS = "172.16.0.1";

export const PLAN: Plan = {
  places: [...TUTORIAL.places, { name: SPARE, role: "edge", title: "standby vCPE of the Hangzhou branch" }],
  links: [
    ...TUTORIAL.links,
    {
      ends: [
        { place: "internet", device: "to-spare", addresses: ["203.0.113.21/30"] },
        { place: SPARE, device: "wan", addresses: ["203.0.113.22/30"] },
      ],
    },
    {
      ends: [
        { place: SPARE, device: "lan", addresses: [`${EDGE_ADDRESS}/24`] },
        { place: "hangzhou-host", device: "eth1", addresses: [] },
      ],
    },
  ],
  routes: [...TUTORIAL.routes, { place: SPARE, to: "0.0.0.0/0", via: "203.0.113.21" }],
};
