/**
 * What a schema cannot say: names that must be unique or exist, things that contradict each other. Runs on a file whose
 * structure is good, and reports all that it finds.
 */
import { familyOf } from "../address.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { checkFilters } from "./filterrules.ts";
import { formatIdentity, parseIdentity } from "./identity.ts";
import { nearest } from "./nearest.ts";
import { checkPrefixes } from "./prefixes.ts";
import { type Finding, formatPath, type Path } from "./problem.ts";
import type { RouterFile } from "./schema.ts";
import { routeOf, type TunnelFile } from "./tunnel.ts";

const SECOND = 1000;
const DAY = 86_400 * SECOND;

/** TUN devices that one router can serve. */
const MAX_TUNS = 1024;

/** Smallest MTU of a link that carries IPv6, RFC 8200 §5. */
const IPV6_MTU = 1280;

export function checkRules(file: RouterFile): Finding[] {
  return [
    ...uniqueNames(file),
    ...references(file),
    ...outside(file),
    ...devices(file),
    ...attachments(file),
    ...lan(file),
    ...checkFilters(file),
    ...(file.tunnels ?? []).flatMap((tunnel, i) => tunnelRules(file, tunnel, ["tunnels", i])),
    ...identities(file),
    ...unusedCredentials(file),
    ...checkPrefixes(file),
  ];
}

export function error(code: string, path: Path, message: string, next: string): Finding {
  return { severity: "error", code, path, message, next };
}

export function warning(code: string, path: Path, message: string, next: string): Finding {
  return { severity: "warning", code, path, message, next };
}

/** Each text at most once; the second and later ones are findings that name the first. */
export function once(
  code: string,
  what: string,
  entries: readonly { readonly text: string; readonly path: Path }[],
): Finding[] {
  const first = new Map<string, Path>();
  return entries.flatMap(({ text, path }) => {
    const earlier = first.get(text);
    if (!earlier) {
      first.set(text, path);
      return [];
    }
    return [
      error(code, path, `${what} "${text}" is used twice, first in ${formatPath(earlier)}`, "Choose another one"),
    ];
  });
}

function uniqueNames(file: RouterFile): Finding[] {
  const names = (list: readonly { readonly name: string }[] | undefined, at: Path) =>
    (list ?? []).map(({ name }, i) => ({ text: name, path: [...at, i, "name"] }));
  return [
    ...once("duplicate-name", "the VRF name", names(file.vrfs, ["vrfs"])),
    ...once("duplicate-name", "the tunnel name", names(file.tunnels, ["tunnels"])),
    ...once("duplicate-name", "the interface", names(file.interfaces, ["interfaces"])),
    ...once("duplicate-name", "the attachment name", names(file.attachments, ["attachments"])),
    ...once("duplicate-name", "the TUN device name", tunNames(file)),
    ...(file.tunnels ?? []).flatMap((tunnel, i) =>
      once("duplicate-name", "the Child SA name", names(tunnel.children, ["tunnels", i, "children"])),
    ),
  ];
}

/** Of all TUN devices of this router. */
function tunNames({ vrfs, attachments = [] }: RouterFile): { readonly text: string; readonly path: Path }[] {
  return [
    ...vrfs.flatMap((vrf, i) => (vrf.tun ? [{ text: vrf.tun.name, path: ["vrfs", i, "tun", "name"] }] : [])),
    ...attachments.map(({ tun }, i) => ({ text: tun.name, path: ["attachments", i, "tun", "name"] })),
  ];
}

function references(file: RouterFile): Finding[] {
  const vrfs = file.vrfs.map(({ name }) => name);
  const there = new Set(vrfs);
  const check = (name: string, path: Path): Finding[] => {
    if (there.has(name)) return [];
    const meant = nearest(name, vrfs);
    return [
      error(
        "unknown-vrf",
        path,
        `there is no VRF "${name}"`,
        meant ? `Did you mean "${meant}"?` : `VRFs: ${vrfs.join(", ")}`,
      ),
    ];
  };
  return [
    ...(file.attachments ?? []).flatMap(({ vrf }, i) => check(vrf, ["attachments", i, "vrf"])),
    ...(file.tunnels ?? []).flatMap((tunnel, i) => check(tunnel.vrf, ["tunnels", i, "vrf"])),
    ...(file.routes ?? []).flatMap((route, i) => check(route.vrf, ["routes", i, "vrf"])),
  ];
}

function outside({ outer }: RouterFile): Finding[] {
  const findings: Finding[] = [];
  if (outer?.ipv4 === false && outer.ipv6 === false) {
    findings.push(error("no-outside", ["outer"], "both ipv4 and ipv6 are off", "Leave one of them on"));
  }
  if ((outer?.ikePort ?? 500) === (outer?.natPort ?? 4500)) {
    findings.push(
      error(
        "same-port",
        ["outer"],
        "ikePort and natPort are the same",
        "Use two ports; the standard ones are 500 and 4500",
      ),
    );
  }
  return findings;
}

function devices(file: RouterFile): Finding[] {
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
function attachments(file: RouterFile): Finding[] {
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

function lan(file: RouterFile): Finding[] {
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

function carriesIpv6(file: RouterFile, vrf: string): boolean {
  const own = file.vrfs
    .filter(({ name }) => name === vrf)
    .flatMap(({ addresses, local }) => [...(addresses ?? []), ...(local ?? [])]);
  const beside = (file.attachments ?? []).filter((one) => one.vrf === vrf).flatMap(({ local }) => local ?? []);
  const away = (file.tunnels ?? [])
    .filter((tunnel) => tunnel.vrf === vrf)
    .flatMap(({ routes }) => (routes ?? []).map((entry) => routeOf(entry).prefix));
  return [...own, ...beside, ...away].some((text) => familyOf(text) === 6);
}

function tunnelRules(file: RouterFile, tunnel: TunnelFile, at: Path): Finding[] {
  const findings: Finding[] = authentication(file, tunnel, [...at, "auth"]);
  const address = tunnel.peer.address === "any" ? undefined : tunnel.peer.address;

  if (tunnel.start === "initiate" && !address) {
    findings.push(
      error(
        "no-address",
        [...at, "start"],
        "start: initiate needs the address of the peer",
        "Give peer.address, or start: respond",
      ),
    );
  }
  if (address) {
    if (isNotAHost(address)) {
      findings.push(
        error("address", [...at, "peer", "address"], `${address} is not the address of one host`, "Correct it"),
      );
    }
    const outer = familyOf(address) === 4 ? file.outer?.ipv4 : file.outer?.ipv6;
    if (outer === false) {
      findings.push(
        error(
          "family-off",
          [...at, "peer", "address"],
          `outer.ipv${familyOf(address)} is off, but this peer has an IPv${familyOf(address)} address`,
          `Turn outer.ipv${familyOf(address)} on`,
        ),
      );
    }
    if (tunnel.local.address && familyOf(tunnel.local.address) !== familyOf(address)) {
      findings.push(
        error(
          "family",
          [...at, "local", "address"],
          "the two ends have addresses of different families",
          "Use two of the same family",
        ),
      );
    }
  }
  const bound = tunnel.local.address && (familyOf(tunnel.local.address) === 4 ? file.outer?.ipv4 : file.outer?.ipv6);
  if (bound && !isAny(bound) && bound !== tunnel.local.address) {
    findings.push(
      error(
        "not-bound",
        [...at, "local", "address"],
        `the router binds ${bound} only (outer)`,
        "Use that address, or bind all",
      ),
    );
  }

  if (tunnel.selectors && tunnel.children) {
    findings.push(
      error(
        "both",
        [...at, "selectors"],
        "selectors and children exclude each other",
        "Move the selectors into children",
      ),
    );
  }
  findings.push(
    ...duration(tunnel.ike?.lifetime, [...at, "ike", "lifetime"], 5 * SECOND, 30 * DAY),
    ...duration(tunnel.esp?.lifetime, [...at, "esp", "lifetime"], 5 * SECOND, 30 * DAY),
  );
  if (tunnel.dpd !== "off") findings.push(...duration(tunnel.dpd, [...at, "dpd"], SECOND, DAY));
  if (typeof tunnel.mtu === "number" && tunnel.mtu < IPV6_MTU && carriesIpv6(file, tunnel.vrf)) {
    findings.push(
      error(
        "mtu",
        [...at, "mtu"],
        "IPv6 needs an MTU of 1280 or more (RFC 8200 §5)",
        "Raise it, or use IPv4 only in this VRF",
      ),
    );
  }
  if (tunnel.local.id === tunnel.peer.id) {
    findings.push(
      warning(
        "same-identity",
        [...at, "peer", "id"],
        "both ends have the same identity",
        "Give each end its own, so that logs tell them apart",
      ),
    );
  }
  return findings;
}

/** One way to prove who is who, and for certificates our own beside it. */
function authentication({ credentials }: RouterFile, { auth }: TunnelFile, at: Path): Finding[] {
  if (auth.psk && auth.certificate) {
    return [error("both", at, "psk and certificate exclude each other", "Remove one of the two")];
  }
  if (auth.psk) return [];
  if (!auth.certificate) {
    return [error("no-auth", at, "it is empty", "Give psk: { file: … }, or certificate: { peer: … }")];
  }
  if (credentials) return [];
  return [
    error(
      "no-credentials",
      [...at, "certificate"],
      "this tunnel wants certificates, and this router has none",
      "Add credentials: { certificate: …, key: …, trust: […] } at the top level",
    ),
  ];
}

/** Certificates that no tunnel asks for. */
function unusedCredentials({ credentials, tunnels }: RouterFile): Finding[] {
  if (!credentials || tunnels?.some(({ auth }) => auth.certificate)) return [];
  const next = "Give a tunnel auth: { certificate: … }, or remove the credentials";
  return [warning("no-effect", ["credentials"], "no tunnel asks for certificates", next)];
}

function duration(text: string | undefined, path: Path, least: number, most: number): Finding[] {
  const ms = text === undefined ? undefined : parseDuration(text);
  if (ms === undefined || (ms >= least && ms <= most)) return [];
  return [
    error(
      "range",
      path,
      `${text} is out of range`,
      `It must be between ${formatDuration(least)} and ${formatDuration(most)}`,
    ),
  ];
}

/** A peer is found by the identity that it proves, so no two tunnels may expect the same one. */
function identities(file: RouterFile): Finding[] {
  return once(
    "duplicate-identity",
    "the peer identity",
    (file.tunnels ?? []).flatMap(({ peer }, i) => {
      const identity = parseIdentity(peer.id);
      return typeof identity === "string"
        ? []
        : [{ text: formatIdentity(identity), path: ["tunnels", i, "peer", "id"] }];
    }),
  );
}

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** Unspecified, multicast, or the limited broadcast address. */
export function isNotAHost(address: string): boolean {
  if (familyOf(address) === 6) return address === "::" || /^ff/i.test(address);
  const first = Number(address.split(".")[0]);
  return first === 0 || first >= 224;
}
