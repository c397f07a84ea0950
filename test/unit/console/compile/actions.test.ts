/** From a change at the console to what a router does about it: the fewest actions, and none on routers that it does not concern. */
import { describe, expect, it } from "vitest";
import { compile } from "../../../../src/console/compile/compile.ts";
import { type Change, withChanges } from "../../../../src/console/model/intent.ts";
import { assemble } from "../../../../src/protocol/parts.ts";
import { type Action, describeAction } from "../../../../src/router/diff.ts";
import { changes, wishOf } from "../../../../src/router/model.ts";
import type { ResourceOf } from "../../../../src/router/resource.ts";
import { change, creation, resource, tutorial } from "../world.ts";

const SHANGHAI = "vcpe000000000001";
const BEIJING = "vcpe000000000002";
const HANGZHOU = "vcpe000000000003";
const HANGZHOU_STANDBY = "vcpe000000000004";

const { intent } = tutorial();

/** What each router does when the intent changes so; routers that do nothing are not there. */
function actions(...what: Change[]): Map<string, Action[]> {
  const [before, after] = [compile(intent), compile(withChanges(intent, what))];
  const done = new Map<string, Action[]>();
  for (const [router, parts] of before) {
    const was = wishOf(assemble(parts, null));
    const all = changes(was, wishOf(assemble(after.get(router)!, null), was));
    if (all.length > 0) done.set(router, all);
  }
  return done;
}

const told = (done: Map<string, Action[]>) => [...done].map(([router, all]) => [router, all.map(describeAction)]);
const rule = (more: object) =>
  creation(
    resource("rule", "sgr-new", {
      name: "new",
      securityGroup: "sg-shanghai",
      direction: "ingress",
      policy: "drop",
      protocol: "tcp",
      cidr: "172.16.0.0/16",
      ...more,
    }),
  );

describe("a change at the console", () => {
  it("of a rule is one update of one filter on one gateway", () => {
    for (const one of [
      rule({ portRange: "22/22" }),
      change(intent, "rule", "sgr-branches", { cidr: "172.16.0.0/16" }),
      change(intent, "rule", "sgr-branches", { policy: "drop" }),
    ]) {
      const done = actions(one);
      expect(told(done)).toEqual([[SHANGHAI, ["update filter vpc-shanghai"]]]);
      expect(done.get(SHANGHAI)![0]!.op).toBe("update");
    }
  });

  it("of an instance's bandwidth changes the shape of its own tunnels, at both ends, and no peer", () => {
    const done = actions(change(intent, "instance", "ins-hangzhou", { peakBandwidth: 20 }));
    expect(new Map(told(done) as [string, string[]][])).toEqual(
      new Map([
        [SHANGHAI, [`update tunnel ${HANGZHOU}`, `update tunnel ${HANGZHOU_STANDBY}`]],
        [HANGZHOU, [`update tunnel ${SHANGHAI}`]],
        [HANGZHOU_STANDBY, [`update tunnel ${SHANGHAI}`]],
      ]),
    );
  });

  it("of an instance's CIDR blocks renegotiates its own tunnels only, and no IKE SA", () => {
    const done = actions(change(intent, "instance", "ins-hangzhou", { cidrs: ["172.16.0.0/16", "172.20.0.0/16"] }));
    const peers = [...done].flatMap(([router, all]) =>
      all.flatMap((action) =>
        action.op === "update" && action.now.kind === "peer" ? [{ router, was: action.was, now: action.now }] : [],
      ),
    ) as { router: string; was: ResourceOf<"peer">; now: ResourceOf<"peer"> }[];
    expect(peers.map(({ router, now }) => `${router} ${now.tunnel}`)).toEqual([
      `${SHANGHAI} ${HANGZHOU}`,
      `${SHANGHAI} ${HANGZHOU_STANDBY}`,
    ]);
    for (const { was, now } of peers) {
      const { children: before, ...rest } = was.settings;
      expect(now.settings).toMatchObject(rest);
      expect(now.settings.children).not.toEqual(before);
    }
    for (const all of done.values())
      expect(all.some(({ op }, i) => op !== "update" && /peer|tunnel/.test(describeAction(all[i]!)))).toBe(false);
  });

  it("of a device's generation makes its gateway expect another certificate, of this device only", () => {
    const done = actions(change(intent, "device", HANGZHOU, { generation: 2 }));
    const gateway = done.get(SHANGHAI)!;
    expect(gateway.map(describeAction)).toEqual([`update peer ${HANGZHOU}`]);
    expect(gateway[0]).toMatchObject({
      was: { settings: { auth: { peer: `${HANGZHOU}-1.device.vcpe` } } },
      now: {
        settings: {
          auth: { peer: `${HANGZHOU}-2.device.vcpe` },
          peer: { identity: { value: `${HANGZHOU}-2.device.vcpe` } },
        },
      },
    });
    expect([...done.keys()].sort()).toEqual([SHANGHAI, HANGZHOU]);
  });

  it("of one VPC's rules does nothing at the other gateway", () => {
    expect(actions(rule({})).has(BEIJING)).toBe(false);
  });
});
