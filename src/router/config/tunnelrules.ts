/** Rules about tunnels: who the peer is and how that is proved, from where to where, for how long. */
import { familyOf, isNotAHost } from "../address.ts";
import { carriesIpv6, IPV6_MTU } from "./devicerules.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { formatIdentity, parseIdentity } from "./identity.ts";
import { error, type Finding, once, type Path, warning } from "./problem.ts";
import type { RouterFile } from "./schema.ts";
import type { TunnelFile } from "./tunnel.ts";

const SECOND = 1000;
const DAY = 86_400 * SECOND;

export function tunnelRules(file: RouterFile, tunnel: TunnelFile, at: Path): Finding[] {
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

function isAny(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** A peer is found by the identity that it proves, so no two tunnels may expect the same one. */
export function identities(file: RouterFile): Finding[] {
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

/** Certificates that no tunnel asks for. */
export function unusedCredentials({ credentials, tunnels }: RouterFile): Finding[] {
  if (!credentials || tunnels?.some(({ auth }) => auth.certificate)) return [];
  const next = "Give a tunnel auth: { certificate: … }, or remove the credentials";
  return [warning("no-effect", ["credentials"], "no tunnel asks for certificates", next)];
}
