import { describe, expect, it } from "vitest";
import { type Change, type Intent, withChanges } from "../../../../src/console/model/intent.ts";
import type { Observed, ObservedTunnel } from "../../../../src/console/model/observed.ts";
import { readiness } from "../../../../src/console/model/ready.ts";
import type { Spec } from "../../../../src/console/model/resources.ts";
import { instanceStatus } from "../../../../src/console/model/status.ts";
import { change, creation, resource, tutorial } from "../world.ts";

const UP: Observed = {
  controller: "normal",
  vpn: "normal",
  sync: "synchronized",
  enrolled: true,
  version: "0.1.0",
  lastSeen: "2026-01-02T00:00:00.000Z",
  applied: 7,
  wanted: 7,
  error: null,
  tunnels: [],
  attachments: [],
};

function tunnel(name: string, state: ObservedTunnel["state"], lastError: string | null = null): ObservedTunnel {
  const none = { packets: 0, bytes: 0 };
  return { name, state, rttMs: null, in: none, out: none, lastError };
}

/** Hangzhou's devices, the gateways of Shanghai and Beijing: all is well. */
const ACTIVE = "vcpe000000000003";
const STANDBY = "vcpe000000000004";
const SHANGHAI = "vcpe000000000001";
const BEIJING = "vcpe000000000002";
const WELL: Readonly<Record<string, Observed>> = {
  [ACTIVE]: UP,
  [STANDBY]: UP,
  [SHANGHAI]: { ...UP, attachments: [{ name: "vpc-shanghai", state: "up", reason: null }] },
  [BEIJING]: {
    ...UP,
    attachments: [{ name: "vpc-beijing", state: "up", reason: null }],
    tunnels: [tunnel(`cen-corp.${SHANGHAI}`, "up")],
  },
};

const { intent } = tutorial();
const seen =
  (more: Readonly<Record<string, Observed | undefined>> = {}) =>
  (device: string) =>
    device in more ? more[device] : WELL[device];
const having = (...changes: Change[]): Intent => withChanges(intent, changes);
const instance = (values: Parameters<typeof change<"instance">>[3]) =>
  having(change(intent, "instance", "ins-hangzhou", values));

/** The first broken link. */
function broken(of: Intent, observed: (device: string) => Observed | undefined) {
  const { ready, links } = readiness(of, "ins-hangzhou", observed);
  expect(links.map(({ link }) => link)).toEqual(["device", "instance", "ccn", "cen", "vpc", "security-group"]);
  expect(ready).toBe(links.every(({ ok }) => ok));
  const first = links.find(({ ok }) => !ok);
  if (first) {
    expect(first.code).not.toBe("waits");
    expect(first.next).not.toBe("");
  }
  return first && [first.link, first.code];
}

const REFUSED: Partial<Observed> = { sync: "unsynchronized", applied: 6, error: { code: "x", message: "no TUN" } };
const BEHIND: Partial<Observed> = { sync: "synchronizing", applied: 6 };
const OFF: Observed = { ...UP, controller: "abnormal", vpn: "none" };

describe("readiness", () => {
  it("of the tutorial, done, is given", () => {
    expect(broken(intent, seen())).toBeUndefined();
    const { links } = readiness(intent, "ins-hangzhou", seen());
    expect(links.at(-1)!.message).toBe("security groups let instance hangzhou into VPC shanghai; closed: VPC beijing");
  });

  it.each<[string, string, Intent, ReturnType<typeof seen>]>([
    ["device", "not-joined", intent, seen({ [ACTIVE]: undefined, [STANDBY]: undefined })],
    ["device", "disconnected", intent, seen({ [ACTIVE]: OFF, [STANDBY]: undefined })],
    [
      "device",
      "config-refused",
      intent,
      seen({ [ACTIVE]: { ...UP, error: { code: "x", message: "no TUN" } }, [STANDBY]: OFF }),
    ],
    [
      "device",
      "synchronizing",
      intent,
      seen({ [ACTIVE]: { ...UP, sync: "synchronizing", applied: 6 }, [STANDBY]: OFF }),
    ],
    // The active one carries; what the standby runs does not help.
    ["device", "config-refused", intent, seen({ [ACTIVE]: { ...UP, ...REFUSED } })],
    ["device", "synchronizing", intent, seen({ [ACTIVE]: { ...UP, ...BEHIND } })],
    ["instance", "locked", instance({ locked: true }), seen()],
    ["instance", "not-activated", instance({ activated: false }), seen()],
    ["instance", "no-cidr", instance({ cidrs: [] }), seen()],
    ["instance", "withdrawn", instance({ withdrawn: ["172.16.0.0/16"] }), seen()],
    ["instance", "gateway-down", intent, seen({ [SHANGHAI]: OFF })],
    ["instance", "gateway-refused", intent, seen({ [SHANGHAI]: { ...WELL[SHANGHAI], ...REFUSED } })],
    ["instance", "gateway-synchronizing", intent, seen({ [SHANGHAI]: { ...WELL[SHANGHAI], ...BEHIND } })],
    ["ccn", "not-bound", instance({ ccn: null }), seen()],
    ["ccn", "tunnel-down", intent, seen({ [ACTIVE]: { ...UP, vpn: "abnormal" }, [STANDBY]: OFF })],
    [
      "ccn",
      "tunnel-silent",
      intent,
      seen({ [SHANGHAI]: { ...UP, tunnels: [{ ...tunnel(ACTIVE, "up"), silent: true }] } }),
    ],
    ["cen", "not-bound", having(change(intent, "ccn", "ccn-corp", { cen: null })), seen()],
    [
      "vpc",
      "no-vpc",
      having(change(intent, "vpc", "vpc-shanghai", { cen: null }), change(intent, "vpc", "vpc-beijing", { cen: null })),
      seen(),
    ],
    [
      "vpc",
      "withdrawn",
      having(
        change(intent, "vpc", "vpc-shanghai", { withdrawn: true }),
        change(intent, "vpc", "vpc-beijing", { withdrawn: true }),
      ),
      seen(),
    ],
    ["vpc", "attachment-down", intent, seen({ [SHANGHAI]: UP, [BEIJING]: OFF })],
    ["security-group", "closed", having(change(intent, "rule", "sgr-branches", { policy: "drop" })), seen()],
    ["security-group", "closed", having(change(intent, "rule", "sgr-branches", { cidr: "10.0.0.0/8" })), seen()],
  ])("breaks at %s: %s", (link, code, of, observed) => expect(broken(of, observed)).toEqual([link, code]));

  it("does not wait for a device that does not carry, and says which is missing", () => {
    const device = (of: (id: string) => Observed | undefined) => readiness(intent, "ins-hangzhou", of).links[0]!;
    for (const standby of [REFUSED, BEHIND]) expect(device(seen({ [STANDBY]: { ...UP, ...standby } })).ok).toBe(true);
    expect(device(seen()).message).toBe(`devices ${ACTIVE} (active) and ${STANDBY} (standby) are connected`);
    expect(device(seen({ [STANDBY]: OFF }))).toMatchObject({
      ok: true,
      message: `device ${ACTIVE} (active) is connected; ${STANDBY} (standby) is not`,
    });
    expect(device(seen({ [STANDBY]: undefined })).message).toMatch(/connected; \S+ \(standby\) has not joined$/);
    expect(device(seen({ [ACTIVE]: OFF })).message).toMatch(/\(standby\) is connected; \S+ \(active\) is not$/);
  });

  it("takes no VPC for open when what one rule accepts another drops before", () => {
    const rule = (name: string, values: Partial<Spec<"rule">>): Change =>
      creation(
        resource("rule", `sgr-${name}`, {
          name,
          securityGroup: "sg-shanghai",
          direction: "ingress",
          policy: "drop",
          protocol: "tcp",
          cidr: "0.0.0.0/0",
          ...values,
        }),
      );
    const only = (values: Partial<Spec<"rule">>) => change(intent, "rule", "sgr-branches", values);
    const tcp = only({ protocol: "tcp", ports: "80/90", priority: 5 });
    const shut: Change[][] = [
      [tcp, rule("shut", {})],
      [tcp, rule("shut", { ports: "80/90", priority: 5 })],
      [tcp, rule("shut", { ports: "1/200", cidr: "172.16.0.0/12" })],
      [tcp, rule("shut", { protocol: "all" })],
      [only({ cidr: "172.16.3.0/24", priority: 2 }), rule("shut", { protocol: "all", cidr: "172.16.3.0/24" })],
      [only({ policy: "drop", protocol: "all" }), rule("shut", { protocol: "all" })],
    ];
    for (const changes of shut) {
      const { links } = readiness(having(...changes), "ins-hangzhou", seen());
      expect(links.at(-1)).toMatchObject({
        code: "closed",
        message: expect.stringMatching(
          /^rule \w+ of security group shanghai drops what instance hangzhou sends to VPC shanghai$/,
        ),
        next: expect.stringMatching(/^Run: vcpe delete rule \w+, or make its priority larger/),
      });
    }
    const open: Change[][] = [
      [tcp, rule("shut", { ports: "80/89" })],
      [tcp, rule("shut", { protocol: "udp" })],
      [tcp, rule("shut", { priority: 6 })],
      [tcp, rule("shut", { direction: "egress" })],
      [tcp, rule("shut", { cidr: "172.16.0.0/17" })],
      [only({}), rule("shut", {})],
    ];
    for (const changes of open) expect(broken(having(...changes), seen())).toBeUndefined();
  });

  it("says how a withdrawn block is published, and what stands against it", () => {
    const next = (of: Intent) => readiness(of, "ins-hangzhou", seen()).links[1]!;
    expect(next(instance({ withdrawn: ["172.16.0.0/16"] })).next).toBe(
      'To publish 172.16.0.0/16 run: vcpe update instance hangzhou --withdrawn ""',
    );
    const two = ["172.17.8.0/24", "172.20.0.0/16"];
    expect(next(instance({ cidrs: two, withdrawn: two })).next).toBe(
      "To publish 172.20.0.0/16 run: vcpe update instance hangzhou --withdrawn 172.17.8.0/24",
    );
    expect(next(instance({ cidrs: two.slice(0, 1), withdrawn: two.slice(0, 1) }))).toMatchObject({
      code: "withdrawn",
      message:
        "every CIDR block of instance hangzhou is withdrawn, and 172.17.8.0/24 overlaps 172.17.0.0/16 of instance ningbo",
      next: 'Withdraw that one, or use another block: vcpe update instance hangzhou --cidrs CIDR --withdrawn ""',
    });
  });

  it("needs the tunnel between gateways only where a VPC is behind it", () => {
    const far = having(change(intent, "vpc", "vpc-shanghai", { cen: null }));
    const cut = seen({
      [BEIJING]: { ...WELL[BEIJING], tunnels: [tunnel(`cen-corp.${SHANGHAI}`, "down", "no answer")] },
    });
    expect(broken(intent, cut)).toBeUndefined();
    expect(broken(far, cut)).toEqual(["vpc", "tunnel-down"]);
    expect(broken(far, seen())).toEqual(["security-group", "closed"]);
  });

  it("takes nothing for open at a gateway that has not what is wanted", () => {
    // Beijing's VPC is the open one.
    const moved = change(intent, "security-group", "sg-shanghai", { vpc: "vpc-beijing" });
    const far = having(moved);
    const at = (more: Partial<Observed>) => seen({ [BEIJING]: { ...WELL[BEIJING], ...more } });
    expect(broken(far, at({}))).toBeUndefined();
    // What is left is Shanghai's VPC, and that is closed.
    expect(broken(far, at(REFUSED))).toEqual(["security-group", "closed"]);
    expect(broken(far, at(BEHIND))).toEqual(["security-group", "closed"]);
    const only = having(change(intent, "vpc", "vpc-shanghai", { cen: null }), moved);
    expect(broken(only, at(REFUSED))).toEqual(["vpc", "gateway-refused"]);
    expect(broken(only, at(BEHIND))).toEqual(["vpc", "gateway-synchronizing"]);
  });

  it("does not take an open VPC that cannot be reached for one that can", () => {
    const cut = seen({ [SHANGHAI]: UP });
    expect(broken(intent, cut)).toEqual(["security-group", "closed"]);
  });

  it("names the device that carries, as its gateway says; but a device that has lost its tunnel knows better", () => {
    const gateway = (active: boolean) => {
      const carries = { ...tunnel(ACTIVE, "up"), carries: active };
      return { ...WELL[SHANGHAI], tunnels: [carries, { ...tunnel(STANDBY, "up"), carries: !active }] };
    };
    const ccn = (more: Readonly<Record<string, Observed | undefined>>) =>
      readiness(intent, "ins-hangzhou", seen(more)).links.find(({ link }) => link === "ccn");
    expect(ccn({ [SHANGHAI]: gateway(false) })?.message).toMatch(new RegExp(`; ${STANDBY} carries its traffic$`));
    expect(ccn({})?.message).toMatch(
      new RegExp(`; ${ACTIVE} carries its traffic, as far as the devices tell: their gateway does not$`),
    );
    // It has lost its console only.
    expect(ccn({ [SHANGHAI]: gateway(true), [ACTIVE]: OFF })).toMatchObject({ ok: true });
    const lost = { ...UP, vpn: "abnormal" } as const;
    expect(ccn({ [SHANGHAI]: gateway(true), [ACTIVE]: lost })?.code).toBe("tunnel-down");
  });

  it("says which step mends it, in commands", () => {
    const next = (of: Intent, observed = seen()) =>
      readiness(of, "ins-hangzhou", observed).links.find(({ ok }) => !ok)?.next;
    expect(next(intent, seen({ [ACTIVE]: undefined, [STANDBY]: undefined }))).toContain(
      `vcpe join --console URL --serial ${ACTIVE}`,
    );
    expect(next(instance({ activated: false }))).toBe("Run: vcpe activate instance hangzhou");
    expect(next(instance({ withdrawn: ["172.16.0.0/16"] }))).toBe(
      'To publish 172.16.0.0/16 run: vcpe update instance hangzhou --withdrawn ""',
    );
    expect(next(instance({ ccn: null }))).toBe("Run: vcpe bind instance hangzhou ccn CCN");
    expect(next(having(change(intent, "ccn", "ccn-corp", { cen: null })))).toBe("Run: vcpe bind ccn corp cen CEN");
  });

  it("knows no instance that is not there", () => {
    expect(() => readiness(intent, "ins-nobody", seen())).toThrow("there is no instance ins-nobody");
  });
});

describe("the state of an instance", () => {
  const status = (of: Intent, observed: (device: string) => Observed | undefined) =>
    instanceStatus(of, "ins-hangzhou", observed);
  const none = () => undefined;

  it("is Received until it is activated, and Unconfirmed until a device joins", () => {
    expect(status(instance({ activated: false }), none)).toMatchObject({ status: "Received" });
    expect(status(intent, none)).toMatchObject({ status: "Unconfirmed", carrier: null });
    expect(
      status(intent, seen({ [ACTIVE]: { ...OFF, enrolled: false, lastSeen: null }, [STANDBY]: undefined })).status,
    ).toBe("Unconfirmed");
  });

  it("is Active while a device is connected with its tunnels up", () => {
    expect(status(intent, seen())).toEqual({
      status: "Active",
      text: "Available",
      carrier: ACTIVE,
      carrierKnownBy: "devices",
    });
    expect(status(intent, seen({ [ACTIVE]: OFF }))).toEqual({
      status: "Active",
      text: "Available",
      carrier: STANDBY,
      carrierKnownBy: "devices",
    });
  });

  it("is Active too while no tunnels are wanted", () => {
    const quiet = { ...UP, vpn: "none" } as const;
    const observed = seen({ [ACTIVE]: quiet, [STANDBY]: quiet });
    expect(status(instance({ ccn: null }), observed)).toEqual({
      status: "Active",
      text: "Available",
      carrier: null,
      carrierKnownBy: null,
    });
    expect(status(intent, observed)).toMatchObject({ status: "Offline", text: "Tunnels are down" });
  });

  it("is Offline when none is connected, also after a reset of its keys, and Locked when locked", () => {
    const off = seen({ [ACTIVE]: OFF, [STANDBY]: { ...OFF, enrolled: false } });
    expect(status(intent, off)).toEqual({
      status: "Offline",
      text: "Disconnected",
      carrier: null,
      carrierKnownBy: "devices",
    });
    expect(status(instance({ locked: true }), seen())).toEqual({
      status: "Locked",
      text: "Locked",
      carrier: null,
      carrierKnownBy: null,
    });
  });
});
