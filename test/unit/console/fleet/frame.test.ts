/** What agents may say: every text of theirs has an end. */
import { describe, expect, it } from "vitest";
import { agentFrame } from "../../../../src/console/fleet/frame.ts";

const HELLO = { type: "hello", have: 1, root: "0".repeat(64), software: "1.0", hostname: "h" };
const REPORT = { type: "report", first: true, tunnels: [], gone: [], attachments: [], drops: { "no-route": 3 } };
const TRAFFIC = { packets: 1, bytes: 1 };
const TUNNEL = { name: "t", state: "up", rttMs: 1, in: TRAFFIC, out: TRAFFIC, lastError: "none" };
const ATTACHMENT = { name: "a", state: "up", reason: "none" };
const APPLIED = { type: "applied", version: 1, error: { code: "c", message: "m" } };

const taken = (frame: object) => agentFrame(JSON.stringify(frame)) !== undefined;
const long = "x".repeat(4097);

describe("a frame of an agent", () => {
  it("is taken as it should be", () => {
    const full = { ...REPORT, tunnels: [TUNNEL], attachments: [ATTACHMENT], gone: ["t"] };
    for (const frame of [HELLO, REPORT, full, APPLIED, { type: "renew", csr: "c" }]) expect(taken(frame)).toBe(true);
  });

  it("may say which tunnel carries, and what only newer agents than this console know of", () => {
    const of = (more: object) => taken({ ...REPORT, tunnels: [{ ...TUNNEL, ...more }] });
    expect(of({ silent: true, carries: false })).toBe(true);
    expect(of({ carries: null })).toBe(false);
    expect(of({ silent: "yes" })).toBe(false);
    expect(of({ later: 1 })).toBe(true);
  });

  it.each([
    ["version", { ...HELLO, software: long }],
    ["host", { ...HELLO, hostname: long }],
    ["refusal", { ...APPLIED, error: { code: "c", message: long } }],
    ["code of a refusal", { ...APPLIED, error: { code: long, message: "m" } }],
    ["tunnel", { ...REPORT, tunnels: [{ ...TUNNEL, name: long }] }],
    ["tunnel's error", { ...REPORT, tunnels: [{ ...TUNNEL, lastError: long }] }],
    ["tunnel that is gone", { ...REPORT, gone: [long] }],
    ["attachment", { ...REPORT, attachments: [{ ...ATTACHMENT, name: long }] }],
    ["attachment's state", { ...REPORT, attachments: [{ ...ATTACHMENT, state: long }] }],
    ["attachment's reason", { ...REPORT, attachments: [{ ...ATTACHMENT, reason: long }] }],
    ["reason to drop", { ...REPORT, drops: { [long]: 1 } }],
    ["request for a certificate", { type: "renew", csr: long }],
  ])("is none when the name or text of its %s is too long", (_, frame) => expect(taken(frame)).toBe(false));

  it("names reasons to drop by words only", () => {
    for (const reason of ["", "no route", "\x1b[2J", "ä"])
      expect(taken({ ...REPORT, drops: { [reason]: 1 } })).toBe(false);
  });
});
