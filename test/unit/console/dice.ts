/** Dice: what random deeds are made of (deeds.ts). */
import fc from "fast-check";

export interface Deed {
  readonly what: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const dice = fc.nat(1000);
export const deeds = (most: number) =>
  fc.array(fc.record<Deed>({ what: dice, a: dice, b: dice, c: dice }), {
    minLength: most >>> 1,
    maxLength: most,
    size: "max",
  });

/** Few networks, so that they often meet; some hold others. */
export const NETWORKS = [
  "10.0.0.0/8",
  "10.1.0.0/16",
  "10.1.2.0/24",
  "10.2.0.0/16",
  "172.16.0.0/12",
  "172.16.8.0/24",
  "192.168.1.0/24",
  "192.168.2.0/24",
  "192.168.3.0/30",
  "192.168.4.4/32",
  "192.168.5.0/24",
  "192.168.6.0/24",
  "192.168.7.0/24",
  "192.168.8.0/24",
  "192.168.9.0/24",
  "192.168.10.0/24",
];

export const pick = <T>(from: readonly T[], n: number): T => from[n % from.length];
