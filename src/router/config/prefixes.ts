/** Rules about who owns which prefix: of a VRF, and in the kernel, where all VRFs meet. */
import {
  type AddressPrefix,
  contains,
  familyOf,
  formatPrefix,
  hostPrefix,
  isNotAHost,
  parseAddress,
  prefixOf,
} from "../address.ts";
import { error, type Finding, formatPath, type Path, warning } from "./problem.ts";
import type { RouterFile } from "./schema.ts";
import { routeOf } from "./tunnel.ts";

interface Claim {
  readonly vrf: string;
  readonly prefix: AddressPrefix;
  readonly path: Path;
  /** How messages name the owner: `tunnel "a"`, `VRF "main" (local)`. */
  readonly owner: string;
  readonly tunnel: boolean;
  /** Of a tunnel's route. */
  readonly preference?: number;
}

export function checkPrefixes(file: RouterFile): Finding[] {
  const claims = claimsOf(file);
  return [...conflicts(file, claims), ...loops(file, claims), ...selectors(file), ...ownAddresses(file, claims)];
}

function claimsOf(file: RouterFile): Claim[] {
  const claims: Claim[] = [];
  for (const [i, vrf] of file.vrfs.entries()) {
    const own = { vrf: vrf.name, tunnel: false };
    vrf.addresses?.forEach((address, j) => {
      claims.push({
        ...own,
        prefix: prefixOf(hostPrefix(address)),
        path: ["vrfs", i, "addresses", j],
        owner: `VRF "${vrf.name}" (addresses)`,
      });
    });
    vrf.local?.forEach((prefix, j) => {
      claims.push({
        ...own,
        prefix: prefixOf(prefix),
        path: ["vrfs", i, "local", j],
        owner: `VRF "${vrf.name}" (local)`,
      });
    });
  }
  file.attachments?.forEach((attachment, i) => {
    attachment.local?.forEach((prefix, j) => {
      claims.push({
        vrf: attachment.vrf,
        prefix: prefixOf(prefix),
        path: ["attachments", i, "local", j],
        owner: `attachment "${attachment.name}"`,
        tunnel: false,
      });
    });
  });
  file.tunnels?.forEach((tunnel, i) => {
    tunnel.routes?.forEach((entry, j) => {
      const { prefix, preference } = routeOf(entry);
      claims.push({
        vrf: tunnel.vrf,
        prefix: prefixOf(prefix),
        path: ["tunnels", i, "routes", j],
        owner: `tunnel "${tunnel.name}"`,
        tunnel: true,
        preference,
      });
    });
  });
  file.routes?.forEach((route, i) => {
    claims.push({
      vrf: route.vrf,
      prefix: prefixOf(route.prefix),
      path: ["routes", i, "prefix"],
      owner: `routes[${i}] (${route.via})`,
      tunnel: false,
    });
  });
  return claims;
}

/** VRFs with a TUN device on this host as it is: their prefixes are in the kernel's main table. */
function onHost(file: RouterFile): Set<string> {
  const here = (file.attachments ?? []).filter(({ place }) => Object.keys(place ?? {}).length === 0);
  return new Set([...file.vrfs.filter(({ tun }) => tun).map(({ name }) => name), ...here.map(({ vrf }) => vrf)]);
}

/**
 * A prefix has one owner in a VRF, unless these are tunnels of different preference, and one VRF in the kernel. One prefix inside another is good routing (the longer
 * wins), but between two tunnels it is worth a word, unless the wide one is a default route.
 */
function conflicts(file: RouterFile, claims: readonly Claim[]): Finding[] {
  const findings: Finding[] = [];
  const inKernel = onHost(file);
  const first = new Map<string, Claim[]>();
  const firstInKernel = new Map<string, Claim>();
  for (const claim of claims) {
    const text = formatPrefix(claim.prefix);
    const others = first.get(`${claim.vrf} ${text}`) ?? [];
    const rival = others.find((other) => !sideBySide(claim, other));
    if (rival) {
      const same = claim.tunnel && rival.tunnel && claim.owner !== rival.owner;
      findings.push(
        error(
          "prefix-conflict",
          claim.path,
          `${text} belongs to ${claim.owner} and to ${rival.owner} (${formatPath(rival.path)})`,
          same ? "Let one of them have it, or give them different preferences" : "Let one of them have it",
        ),
      );
      continue;
    }
    first.set(`${claim.vrf} ${text}`, [...others, claim]);
    if (others.length > 0) continue;
    if (!inKernel.has(claim.vrf)) continue;
    const other = firstInKernel.get(text);
    if (other) {
      findings.push(
        error(
          "prefix-conflict",
          claim.path,
          `${text} is in VRF "${claim.vrf}" and in VRF "${other.vrf}" (${formatPath(other.path)}), and both meet in the kernel's one table`,
          "Take the TUN device from one of the two VRFs, or use different prefixes",
        ),
      );
    } else firstInKernel.set(text, claim);
  }
  return [...findings, ...overlaps(claims)];
}

/** Of several tunnels with a prefix the preferred one that is up carries it. */
function sideBySide(a: Claim, b: Claim): boolean {
  return a.tunnel && b.tunnel && a.owner !== b.owner && a.preference !== b.preference;
}

/** Sorted, a prefix stands right behind those that hold it: one pass with a stack finds them all. */
function overlaps(claims: readonly Claim[]): Finding[] {
  const findings: Finding[] = [];
  const told = new Set<Claim>();
  const sorted = claims
    .filter(({ tunnel, prefix }) => tunnel && prefix.length > 0)
    .map((claim) => ({ claim, key: sortKey(claim) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  let around: Claim[] = [];
  for (const { claim: inner } of sorted) {
    around = around.filter((outer) => outer.vrf === inner.vrf && contains(outer.prefix, inner.prefix));
    for (const outer of around) {
      if (outer.owner === inner.owner || outer.prefix.length === inner.prefix.length || told.has(outer)) continue;
      told.add(outer);
      findings.push(
        warning(
          "prefix-overlap",
          outer.path,
          `${formatPrefix(outer.prefix)} of ${outer.owner} overlaps ${formatPrefix(inner.prefix)} of ${inner.owner} (${formatPath(inner.path)})`,
          "The longer prefix wins; nothing to do if that is what you want",
        ),
      );
    }
    around.push(inner);
  }
  return findings;
}

/** VRF, family, address, then length: what holds comes before what is held. */
function sortKey({ vrf, prefix }: Claim): string {
  const length = String(prefix.length).padStart(3, "0");
  return `${vrf} ${prefix.address.length} ${Buffer.from(prefix.address).toString("hex")} ${length}`;
}

/** A kernel route into the TUN that covers the peer would send our own datagrams back into the tunnel. */
function loops(file: RouterFile, claims: readonly Claim[]): Finding[] {
  const findings: Finding[] = [];
  const inKernel = onHost(file);
  for (const tunnel of file.tunnels ?? []) {
    const address = tunnel.peer.address && parseAddress(tunnel.peer.address);
    if (!address) continue;
    const peer = { address, length: address.length * 8 };
    for (const claim of claims) {
      if (!inKernel.has(claim.vrf) || !contains(claim.prefix, peer) || claim.path[2] === "local") continue;
      findings.push(
        error(
          "route-loop",
          claim.path,
          `${formatPrefix(claim.prefix)} covers ${tunnel.peer.address}, the outer address of the peer of tunnel "${tunnel.name}"`,
          "Route smaller prefixes that leave it out: what goes to the peer itself must not enter a tunnel",
        ),
      );
    }
  }
  return findings;
}

function selectors(file: RouterFile): Finding[] {
  const findings: Finding[] = [];
  for (const [i, tunnel] of (file.tunnels ?? []).entries()) {
    const at = ["tunnels", i];
    const children = tunnel.children ?? [{ name: tunnel.name, ...tunnel.selectors }];
    for (const [j, child] of children.entries()) {
      if (!child.local || !child.remote) continue;
      const remote = new Set(child.remote.map(familyOf));
      if (child.local.some((prefix) => remote.has(familyOf(prefix)))) continue;
      findings.push(
        error(
          "selectors",
          tunnel.children ? [...at, "children", j] : [...at, "selectors"],
          "local and remote have no address family in common, so no packet can match",
          "Give prefixes of the same family on both sides",
        ),
      );
    }
    tunnel.routes?.forEach((entry, j) => {
      const { prefix: route } = routeOf(entry);
      const carried = children.some(
        ({ remote }) => !remote || remote.some((prefix) => contains(prefixOf(prefix), prefixOf(route))),
      );
      if (carried) return;
      findings.push(
        warning(
          "not-selected",
          [...at, "routes", j],
          `no remote selector of tunnel "${tunnel.name}" holds all of ${route}, so packets to the rest are dropped`,
          "Widen the selectors or narrow the route",
        ),
      );
    });
  }
  return findings;
}

/** Without an address of its own in a family, a router cannot say "too big": path MTU discovery goes blind. */
function ownAddresses(file: RouterFile, claims: readonly Claim[]): Finding[] {
  const findings: Finding[] = [];
  for (const [i, vrf] of file.vrfs.entries()) {
    vrf.addresses?.forEach((address, j) => {
      if (!isNotAHost(address)) return;
      findings.push(
        error("address", ["vrfs", i, "addresses", j], `${address} is not the address of one host`, "Correct it"),
      );
    });
    for (const family of [4, 6] as const) {
      const used = claims.some(
        ({ vrf: name, prefix, tunnel }) =>
          tunnel && name === vrf.name && prefix.address.length === (family === 4 ? 4 : 16),
      );
      if (!used || vrf.addresses?.some((address) => familyOf(address) === family)) continue;
      findings.push(
        warning(
          "no-own-address",
          ["vrfs", i],
          `VRF "${vrf.name}" routes IPv${family} but has no IPv${family} address, so it cannot send ICMP errors (path MTU discovery needs them)`,
          `Add an IPv${family} address to addresses`,
        ),
      );
    }
  }
  return findings;
}
