import { describe, expect, it } from "vitest";
import { RECORD_UNKNOWN_SPI, SOCKET_NAT4, SOCKET_NAT6 } from "../../../assembly/layout.ts";
import { Events, type EventsParts } from "../../../src/datapath/events.ts";
import type { PlaneEvent } from "../../../src/datapath/plane.ts";
import type { RingRecord } from "../../../src/datapath/ring.ts";

function bed() {
  let now = 0;
  const told: PlaneEvent[] = [];
  const parts: Partial<EventsParts> = {
    ikePort: 500,
    natPort: 4500,
    clock: () => now,
    onEvent: (event) => told.push(event),
  };
  const events = new Events(parts as EventsParts);
  return {
    told,
    wait: (ms: number) => {
      now += ms;
    },
    handle: (record: Partial<RingRecord>) =>
      events.handle({ kind: RECORD_UNKNOWN_SPI, payload: new Uint8Array(0), ...record } as RingRecord),
  };
}

describe("ESP for an SPI that nobody knows", () => {
  const local = Uint8Array.of(198, 51, 100, 1);
  const from = (last: number, port = 4500) => ({ address: Uint8Array.of(192, 0, 2, last), port });

  it("is told with the way that it came, once in 100 ms for each address", () => {
    const { told, wait, handle } = bed();
    handle({ value: 0x1001, socket: SOCKET_NAT4, remote: from(1, 61_000), local });
    expect(told).toEqual([
      { kind: "unknown-spi", spi: 0x1001, local: { address: local, port: 4500 }, remote: from(1, 61_000) },
    ]);
    handle({ value: 0x1002, socket: SOCKET_NAT4, remote: from(1, 62_000), local });
    handle({ value: 0x1003, socket: SOCKET_NAT4, remote: from(2), local });
    expect(told.map((event) => event.kind === "unknown-spi" && event.spi)).toEqual([0x1001, 0x1003]);
    wait(100);
    handle({ value: 0x1002, socket: SOCKET_NAT4, remote: from(1, 62_000), local });
    expect(told).toHaveLength(3);
  });

  it("is told of IPv6, too, and not at all where the kernel named no sender", () => {
    const { told, handle } = bed();
    const remote = { address: new Uint8Array(16).fill(1), port: 4500 };
    handle({ value: 0x1001, socket: SOCKET_NAT6, remote, local: new Uint8Array(16).fill(2) });
    handle({ value: 0x1001, socket: SOCKET_NAT6, remote: undefined, local: new Uint8Array(0) });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ remote });
  });
});
