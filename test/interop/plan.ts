/**
 * Our edge and a strongSwan gateway, each with a host behind it, joined by one link.
 *   lan 10.1.0.10 ── edge 192.0.2.1 ── 192.0.2.2 swan ── 10.9.0.10 far
 */
import type { Plan } from "../../src/lab/plan.ts";

export const INTEROP_PLAN: Plan = {
  places: [
    { name: "lan", role: "host", title: "host behind our edge" },
    { name: "edge", role: "edge", title: "vcpe edge" },
    { name: "swan", role: "peer", title: "strongSwan" },
    { name: "far", role: "host", title: "host behind strongSwan" },
  ],
  links: [
    {
      ends: [
        { place: "edge", device: "wan", addresses: ["192.0.2.1/24", "2001:db8::1/64"] },
        { place: "swan", device: "wan", addresses: ["192.0.2.2/24", "2001:db8::2/64"] },
      ],
    },
    {
      ends: [
        { place: "edge", device: "lan", addresses: ["10.1.0.1/24", "fd00:1::1/64"] },
        { place: "lan", device: "eth0", addresses: ["10.1.0.10/24", "fd00:1::10/64"] },
      ],
    },
    {
      ends: [
        { place: "swan", device: "lan", addresses: ["10.9.0.1/24", "fd00:9::1/64"] },
        { place: "far", device: "eth0", addresses: ["10.9.0.10/24", "fd00:9::10/64"] },
      ],
    },
  ],
  routes: [
    { place: "edge", to: "0.0.0.0/0", via: "192.0.2.2" },
    { place: "edge", to: "::/0", via: "2001:db8::2" },
    { place: "swan", to: "0.0.0.0/0", via: "192.0.2.1" },
    { place: "swan", to: "::/0", via: "2001:db8::1" },
    { place: "lan", to: "0.0.0.0/0", via: "10.1.0.1" },
    { place: "lan", to: "::/0", via: "fd00:1::1" },
    { place: "far", to: "0.0.0.0/0", via: "10.9.0.1" },
    { place: "far", to: "::/0", via: "fd00:9::1" },
  ],
};
