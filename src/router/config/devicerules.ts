/** Rules about devices of this host: TUN devices, interfaces, attachments, the LAN. */
import { familyOf } from "../address.ts";
import { error, type Finding, once, type Path, warning } from "./problem.ts";
import type { RouterFile } from "./schema.ts";
import { routeOf } from "./tunnel.ts";

/** Smallest MTU of a link that carries IPv6, RFC 8200 §5. */
export const IPV6_MTU = 1280;

/** TUN devices that one router can serve. */
const MAX_TUNS = 1024;

export function devices(file: RouterFile): Finding[] {
  const findings: Finding[] = [];
  const tuns = tunNames(file);
  if (tuns.length > MAX_TUNS) {
    const what = `${tuns.length} VRFs and attachments have a TUN device`;
    findings.push(error("too-many", ["vrfs"], what, `At most ${MAX_TUNS} can`));
  }
  for (const [i, vrf] of file.vrfs.entries()) {
    if (!vrf.tun && vrf.local?.length) {
      findings.push(
        error(
          "no-tun",
          ["vrfs", i, "local"],
          "local prefixes need a TUN device",
          "Add tun: { name: vcpe0 } to this VRF",
        ),
      );
    }
    if (vrf.tun && (vrf.tun.mtu ?? 1500) < IPV6_MTU && carriesIpv6(file, vrf.name)) {
      findings.push(
        error(
          "mtu",
          ["vrfs", i, "tun", "mtu"],
          "IPv6 needs an MTU of 1280 or more (RFC 8200 §5)",
          "Raise it, or use IPv4 only",
        ),
      );
    }
  }
  for (const [i, { name }] of (file.interfaces ?? []).entries()) {
    if (tuns.some(({ text }) => text === name)) {
      findings.push(
        error(
          "own-device",
          ["interfaces", i, "name"],
          `${name} is this router's own TUN device`,
          "Set its mtu in vrfs[…].tun",
        ),
      );
    }
  }
  return findings;
}

/** An attachment is in one place, and what it names is not its own or another one's. */
export function attachments(file: RouterFile): Finding[] {
  const all = file.attachments ?? [];
  const tuns = new Set(tunNames(file).map(({ text }) => text));
  return [
    ...once(
      "duplicate-name",
      "the interface",
      all.flatMap(({ place }, i) =>
        place?.line ? [{ text: place.line.interface, path: ["attachments", i, "place", "line", "interface"] }] : [],
      ),
    ),
    ...meetings(all),
    ...all.flatMap(({ place, local, tun, vrf }, i) => {
      const at: Path = ["attachments", i];
      const findings: Finding[] = [];
      const places = Object.keys(place ?? {});
      if (places.length > 1) {
        const what = `${places.join(" and ")} exclude each other`;
        findings.push(error("both", [...at, "place"], what, "An attachment is in one place; leave one of them"));
      }
      const named = place?.line?.interface ?? place?.vrf;
      if (named !== undefined && tuns.has(named)) {
        const next = "Name the interface, or VRF device, of this host";
        findings.push(error("own-device", [...at, "place"], `${named} is this router's own TUN device`, next));
      }
      const hop = place?.line?.nextHop;
      if (hop !== undefined && !(local ?? []).some((prefix) => familyOf(prefix) === familyOf(hop))) {
        const what = `no prefix of local has the address family of ${hop}, so nothing goes there`;
        findings.push(error("family", [...at, "place", "line", "nextHop"], what, "Give prefixes of the same family"));
      }
      if ((tun.mtu ?? 1500) < IPV6_MTU && carriesIpv6(file, vrf)) {
        const next = "Raise it, or use IPv4 only";
        findings.push(error("mtu", [...at, "tun", "mtu"], "IPv6 needs an MTU of 1280 or more (RFC 8200 §5)", next));
      }
      return findings;
    }),
  ];
}

type Attachments = NonNullable<RouterFile["attachments"]>;

/** Attachments of two VRFs in one network namespace or VRF device: its kernel would take packets of the one on to the other. */
function meetings(all: Attachments): Finding[] {
  const first = new Map<string, Attachments[number]>();
  return all.flatMap((one, i) => {
    const ground = groundOf(one);
    const other = ground === undefined ? undefined : first.get(ground);
    if (ground !== undefined && !other) first.set(ground, one);
    // Two lines at one interface are told as such.
    if (!other || other.vrf === one.vrf || (one.place?.line && other.place?.line)) return [];
    const what = `${ground} is that of attachment "${other.name}" of VRF "${other.vrf}", too`;
    const next = "Give each VRF a network namespace, VRF device or interface of its own";
    return [error("shared-place", ["attachments", i, "place"], what, next)];
  });
}

function groundOf({ place }: Attachments[number]): string | undefined {
  if (place?.namespace !== undefined) return `network namespace ${place.namespace}`;
  const device = place?.vrf ?? place?.line?.interface;
  return device === undefined ? undefined : `device ${device}`;
}

export function lan(file: RouterFile): Finding[] {
  const { lan } = file;
  const tuns = tunNames(file);
  const at: Path = ["lan", "interfaces"];
  const names = lan?.interfaces ?? [];
  return [
    ...once(
      "duplicate-name",
      "the interface",
      names.map((text, i) => ({ text, path: [...at, i] })),
    ),
    ...names.flatMap((name, i) =>
      tuns.some(({ text }) => text === name)
        ? [
            error(
              "own-device",
              [...at, i],
              `${name} is this router's own TUN device`,
              "Name the interface towards the LAN",
            ),
          ]
        : [],
    ),
    ...(lan?.gro === "off" && lan.holdUs
      ? [warning("no-effect", ["lan", "holdUs"], "holdUs does nothing while gro is off", "Remove one of the two")]
      : []),
  ];
}

/** Of all TUN devices of this router. */
export function tunNames({ vrfs, attachments = [] }: RouterFile): { readonly text: string; readonly path: Path }[] {
  return [
    ...vrfs.flatMap((vrf, i) => (vrf.tun ? [{ text: vrf.tun.name, path: ["vrfs", i, "tun", "name"] }] : [])),
    ...attachments.map(({ tun }, i) => ({ text: tun.name, path: ["attachments", i, "tun", "name"] })),
  ];
}

export function carriesIpv6(file: RouterFile, vrf: string): boolean {
  const own = file.vrfs
    .filter(({ name }) => name === vrf)
    .flatMap(({ addresses, local }) => [...(addresses ?? []), ...(local ?? [])]);
  const beside = (file.attachments ?? []).filter((one) => one.vrf === vrf).flatMap(({ local }) => local ?? []);
  const away = (file.tunnels ?? [])
    .filter((tunnel) => tunnel.vrf === vrf)
    .flatMap(({ routes }) => (routes ?? []).map((entry) => routeOf(entry).prefix));
  return [...own, ...beside, ...away].some((text) => familyOf(text) === 6);
}
