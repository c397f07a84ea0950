/**
 * The kinds of text in a configuration. Each has a check that gives what is wrong with a text, and what to write instead;
 * the names are used as `format` in the schemas.
 */
import { Format } from "typebox/format";
import { parseAddress, parsePrefix } from "../address.ts";
import { parseDuration } from "./duration.ts";
import { parsePorts } from "./filter.ts";
import { parseIdentity } from "./identity.ts";
import { proposalFault } from "./proposal.ts";
import { parseRate } from "./rate.ts";

/** What is wrong, and the next step; undefined: the text is good. */
export interface Fault {
  readonly message: string;
  readonly next: string;
}

const CHECKS: Readonly<Record<string, (text: string) => Fault | undefined>> = {
  name: (text) =>
    /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(text)
      ? undefined
      : {
          message: `"${text}" is not a name`,
          next: "Use 1–64 letters, digits, dots, underscores and hyphens, a letter or digit first",
        },
  device: (text) =>
    /^[a-z0-9][a-z0-9._-]{0,14}$/i.test(text) && text !== "all" && text !== "default"
      ? undefined
      : {
          message: `"${text}" cannot be the name of a network interface`,
          next: "Use 1–15 letters, digits, dots, underscores and hyphens, a letter or digit first",
        },
  ip: (text) =>
    parseAddress(text)
      ? undefined
      : {
          message: `"${text}" is not an IPv4 or IPv6 address`,
          next: "Write the address itself, not a host name or prefix",
        },
  ip4: (text) =>
    parseAddress(text)?.length === 4
      ? undefined
      : {
          message: `"${text}" is not an IPv4 address`,
          next: "Write an address of this host, 0.0.0.0 for all, or false",
        },
  ip6: (text) =>
    parseAddress(text)?.length === 16
      ? undefined
      : { message: `"${text}" is not an IPv6 address`, next: 'Write an address of this host, "::" for all, or false' },
  "ip-or-any": (text) =>
    text === "any" || parseAddress(text)
      ? undefined
      : {
          message: `"${text}" is not an IPv4 or IPv6 address`,
          next: 'Write the address of the peer (host names are not resolved), or "any" when the peer begins',
        },
  prefix: (text) => sentence(parsePrefix(text), "Correct the prefix"),
  identity: (text) =>
    sentence(parseIdentity(text), "Correct the identity; it must be what the peer sends, or expects, as its ID"),
  duration: (text) =>
    parseDuration(text) !== undefined
      ? undefined
      : { message: `"${text}" is not a duration`, next: "Write a number and a unit: 500ms, 30s, 5m, 4h, 1h30m or 1d" },
  "duration-or-off": (text) =>
    text === "off" || parseDuration(text) !== undefined
      ? undefined
      : { message: `"${text}" is not a duration`, next: "Write a number and a unit, such as 30s, or off" },
  "dns-name": (text) =>
    text.length <= 253 && text.split(".").every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/i.test(label))
      ? undefined
      : {
          message: `"${text}" is not a DNS name`,
          next: "Write a name as certificates bear it, such as gw.example.com; no wildcard, no dot at the end",
        },
  rate: (text) =>
    parseRate(text) !== undefined
      ? undefined
      : {
          message: `"${text}" is not a rate from 64k to 100G`,
          next: "Write bits a second with a unit: 64k, 2M or 1.5G",
        },
  ports: (text) =>
    parsePorts(text)
      ? undefined
      : {
          message: `"${text}" is neither a port nor a range of ports`,
          next: 'Write "80" or "8000-8999", from 0 to 65535',
        },
  "ike-proposal": (text) => proposalFault("ike", text),
  "esp-proposal": (text) => proposalFault("esp", text),
};

/** What is wrong with a text of this format; undefined when it is good or the format is not one of ours. */
export function formatFault(format: string, text: string): Fault | undefined {
  return CHECKS[format.replace(/^vcpe-/, "")]?.(text);
}

/** Teaches the schema validator our formats (names with the prefix "vcpe-"). Doing it again changes nothing. */
export function registerFormats(): void {
  for (const [name, check] of Object.entries(CHECKS)) Format.Set(`vcpe-${name}`, (text) => check(text) === undefined);
}

function sentence(parsed: unknown, next: string): Fault | undefined {
  return typeof parsed === "string" ? splitFault(parsed, next) : undefined;
}

/** "what is wrong; what to write" → its two halves. */
function splitFault(text: string, next: string): Fault {
  const at = text.indexOf("; ");
  if (at < 0) return { message: text, next };
  const advice = text.slice(at + 2);
  return { message: text.slice(0, at), next: advice[0].toUpperCase() + advice.slice(1) };
}
