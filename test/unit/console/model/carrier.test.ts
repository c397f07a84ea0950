import { describe, expect, it } from "vitest";
import { another, carrierOf, tunnelAmong } from "../../../../src/console/model/carrier.ts";
import { withChanges } from "../../../../src/console/model/intent.ts";
import { directoryOf } from "../../../../src/console/model/lineage.ts";
import { type Observed, type ObservedTunnel, UNSEEN } from "../../../../src/console/model/observed.ts";
import { change, tutorial } from "../world.ts";

/** Hangzhou's devices, and its gateway. */
const ACTIVE = "vcpe000000000003";
const STANDBY = "vcpe000000000004";
const GATEWAY = "vcpe000000000001";

const UP = { ...UNSEEN, controller: "normal", vpn: "normal" } as const;
const OFF = { ...UP, controller: "abnormal", vpn: "none" } as const;

function way(name: string, more: Partial<ObservedTunnel> = {}): ObservedTunnel {
  const none = { packets: 0, bytes: 0 };
  return { name, state: "up", rttMs: null, in: none, out: none, lastError: null, ...more };
}

const gateway = (...tunnels: ObservedTunnel[]): Observed => ({ ...UP, tunnels });
const { intent } = tutorial();

function carrier(seen: Readonly<Record<string, Observed>>, of = intent) {
  const directory = directoryOf(of);
  const observed = (device: string) => seen[device];
  const { device, knownBy } = carrierOf(
    directory.get("instance", "ins-hangzhou")!,
    directory,
    observed,
    tunnelAmong(observed),
  );
  return [device, knownBy];
}

describe("the device that carries an instance's traffic", () => {
  it("is the one that the gateway says, whatever the devices themselves look like", () => {
    const both = (active: boolean, standby: boolean) =>
      gateway(way(ACTIVE, { carries: active }), way(STANDBY, { carries: standby }));
    // It has lost its console connection only.
    expect(carrier({ [ACTIVE]: OFF, [STANDBY]: UP, [GATEWAY]: both(true, false) })).toEqual([ACTIVE, "gateway"]);
    // It was killed, or its wire was pulled: the console hears it still.
    expect(carrier({ [ACTIVE]: UP, [STANDBY]: UP, [GATEWAY]: both(false, true) })).toEqual([STANDBY, "gateway"]);
    expect(carrier({ [ACTIVE]: UP, [STANDBY]: UP, [GATEWAY]: both(false, false) })).toEqual([null, "gateway"]);
    expect(carrier({ [GATEWAY]: gateway(way(STANDBY, { carries: true })) })).toEqual([STANDBY, "gateway"]);
  });

  it("is the first that is up at the gateway where this has no choice, or is too old to tell of it", () => {
    const down = { state: "down" } as const;
    expect(carrier({ [GATEWAY]: gateway(way(ACTIVE), way(STANDBY)) })).toEqual([ACTIVE, "gateway"]);
    expect(carrier({ [ACTIVE]: UP, [GATEWAY]: gateway(way(ACTIVE, down), way(STANDBY)) })).toEqual([
      STANDBY,
      "gateway",
    ]);
    expect(carrier({ [ACTIVE]: UP, [GATEWAY]: gateway(way(ACTIVE, down)) })).toEqual([null, "gateway"]);
    // Of a single device nobody else can take the traffic, so a silent peer is no other carrier.
    expect(carrier({ [GATEWAY]: gateway(way(ACTIVE, { silent: true })) })).toEqual([ACTIVE, "gateway"]);
  });

  it("is guessed by the devices' connections while the gateway is not connected, or says nothing of them", () => {
    const stale = { ...gateway(way(ACTIVE, { carries: false }), way(STANDBY, { carries: true })), ...OFF };
    for (const said of [stale, gateway(way("vcpe000000000005")), UNSEEN]) {
      const seen = { [GATEWAY]: said };
      expect(carrier({ ...seen, [ACTIVE]: UP, [STANDBY]: UP })).toEqual([ACTIVE, "devices"]);
      expect(carrier({ ...seen, [ACTIVE]: OFF, [STANDBY]: UP })).toEqual([STANDBY, "devices"]);
      expect(carrier({ ...seen, [ACTIVE]: { ...UP, vpn: "abnormal" } })).toEqual([null, "devices"]);
    }
    const elsewhere = withChanges(intent, [change(intent, "instance", "ins-hangzhou", { accessPoint: "ap-beijing" })]);
    expect(carrier({ [GATEWAY]: gateway(way(ACTIVE)) }, elsewhere)).toEqual([null, "devices"]);
  });
});

it("another device has a way where the gateway hears it, or while that is away, where the device says so", () => {
  const directory = directoryOf(intent);
  const has = (seen: Readonly<Record<string, Observed>>, device = ACTIVE) => {
    const observed = (one: string) => seen[one];
    return another(directory.get("instance", "ins-hangzhou")!, device, directory, observed, tunnelAmong(observed));
  };
  expect(has({ [STANDBY]: OFF, [GATEWAY]: gateway(way(ACTIVE), way(STANDBY)) })).toBe(true);
  expect(has({ [STANDBY]: UP, [GATEWAY]: gateway(way(ACTIVE), way(STANDBY, { silent: true })) })).toBe(false);
  expect(has({ [STANDBY]: UP, [GATEWAY]: gateway(way(STANDBY, { state: "connecting" })) })).toBe(false);
  expect(has({ [ACTIVE]: UP, [STANDBY]: OFF })).toBe(false);
  expect(has({ [ACTIVE]: UP, [STANDBY]: UP })).toBe(true);
});
