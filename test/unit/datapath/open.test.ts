import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { openPlane } from "../../../src/datapath/open.ts";
import type { Plane, PlaneOptions, SelectorRange } from "../../../src/datapath/plane.ts";

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
/** Engines are named: to find out the quickest takes longer than all else. */
const WASM = { chacha20poly1305: "wasm", aes128gcm16: "wasm", aes256gcm16: "wasm" } as const;
const SMALL: PlaneOptions = {
  workers: 1,
  sas: 16,
  adjacencies: 8,
  fib: 1 << 20,
  ikePort: 0,
  natPort: 0,
  bind6: null,
  engines: WASM,
};

async function open(options: Partial<PlaneOptions> = {}): Promise<Plane> {
  const plane = await openPlane({ ...SMALL, ...options });
  onTestFinished(() => plane.close());
  return plane;
}

/** An IKE message of `length` bytes to the plane itself, from its NAT port. */
function sendToItself(plane: Plane, length = 28): boolean {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(24, length);
  const end = { address: LOOPBACK, port: plane.natPort };
  return plane.sendIke({ local: end, remote: end, bytes });
}

test("IKE messages come through a worker's ring, with addresses and ports", async () => {
  const plane = await open();
  expect(plane.ikePort).not.toBe(plane.natPort);
  const got = new Promise((resolve) => {
    plane.onIke = resolve;
  });
  expect(sendToItself(plane, 200)).toBe(true);
  const end = { address: LOOPBACK, port: plane.natPort };
  expect(await got).toMatchObject({ local: end, remote: end });
  expect(plane.counters()).toMatchObject({ ike: 1, "udp-read": 1, "ike-send-refused": 0 });
});

test("a NAT keepalive is one byte that the other side counts and nobody hears of", async () => {
  const plane = await open();
  const end = { address: LOOPBACK, port: plane.natPort };
  expect(plane.sendKeepalive({ local: end, remote: end })).toBe(true);
  await expect.poll(() => plane.counters().keepalive).toBe(1);
});

test("a flood of IKE messages leaves timers their turn", async () => {
  const plane = await open();
  let handled = 0;
  let ticksBetween = 0;
  const all = new Promise<void>((resolve) => {
    plane.onIke = () => {
      handled++;
      // A millisecond of work, as a key exchange takes.
      for (const until = performance.now() + 1; performance.now() < until; );
      if (handled === 400) resolve();
    };
  });
  for (let i = 0; i < 400; i++) sendToItself(plane);
  const timer = setInterval(() => {
    if (handled > 0 && handled < 400) ticksBetween++;
  }, 1);
  await all;
  clearInterval(timer);
  // 400 ms of work in shares of about 5 ms; without pauses there would be no tick at all.
  expect(ticksBetween).toBeGreaterThan(20);
});

test("what depends on something keeps it; what is unknown is named", async () => {
  const plane = await open();
  const vrf = plane.addVrf();
  const tunnel = plane.addTunnel(1400);
  const every = (bytes: number): SelectorRange => ({
    protocol: 0,
    portLow: 0,
    portHigh: 65535,
    low: new Uint8Array(bytes),
    high: new Uint8Array(bytes).fill(255),
  });
  const half = (spi: number) =>
    ({ spi, cipher: "aes256gcm16", key: new Uint8Array(32).fill(1), salt: new Uint8Array(4), esn: true }) as const;
  const make = (spi: number, adjacency = tunnel) =>
    plane.addChild({
      inbound: half(spi),
      outbound: half(0x12345678),
      selectors: { local: [every(4)], remote: [every(4)] },
      adjacency,
      vrf,
      outer: { local: { address: LOOPBACK, port: 1 }, remote: { address: LOOPBACK, port: 2 } },
    });
  expect(() => make(0x99990003)).toThrow(expect.objectContaining({ code: "unknown" }));
  const spi = plane.reserveSpi()!;
  expect(() => make(spi, plane.blackhole)).toThrow(/no tunnel with the index/);
  const child = make(spi);
  plane.transmit(child);
  expect(() => plane.removeTunnel(tunnel)).toThrow(expect.objectContaining({ code: "in-use" }));
  expect(plane.traffic(child).outbound).toMatchObject({ packets: 0, last: 0 });
  plane.removeChild(child);
  expect(() => plane.transmit(child)).toThrow(expect.objectContaining({ code: "unknown" }));
  plane.removeTunnel(tunnel);
  expect(() => plane.setRoute(vrf, { address: new Uint8Array(4), length: 0 }, tunnel)).toThrow(/no next hop/);
  plane.setRoute(vrf, { address: new Uint8Array(4), length: 0 }, plane.prohibit);
  plane.removeVrf(vrf);
  expect(() => plane.removeVrf(vrf)).toThrow(expect.objectContaining({ code: "unknown" }));
});

test("failures to add a Child SA leave no slot behind", async () => {
  const plane = await open();
  const spis: number[] = [];
  for (let spi = plane.reserveSpi(); spi !== undefined; spi = plane.reserveSpi()) spis.push(spi);
  expect(spis).toHaveLength(16);
  for (const spi of spis) plane.releaseSpi(spi);
  const again = Array.from({ length: 16 }, () => plane.reserveSpi());
  expect(new Set(again).size).toBe(16);
  expect(again.some((spi) => spis.includes(spi!))).toBe(false);
});

test("closing gives every descriptor back", async () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const once = async (workers: number): Promise<void> => (await openPlane({ ...SMALL, workers })).close();
  await once(2);
  const before = count();
  for (let i = 0; i < 5; i++) await once(1 + (i % 2));
  expect(count()).toBe(before);
});

test("a port that is taken is an error, and leaves nothing open", async () => {
  const plane = await open();
  const before = readdirSync("/proc/self/fd").length;
  for (const workers of [1, 2]) {
    await expect(openPlane({ ...SMALL, workers, ikePort: plane.ikePort, natPort: 0 })).rejects.toMatchObject({
      code: "port-taken",
    });
  }
  expect(readdirSync("/proc/self/fd").length).toBe(before);
}, 120_000);

test("a process that ends without closing is not held up by its workers", () => {
  const file = new URL("../../../src/datapath/open.ts", import.meta.url).pathname;
  const source = `
    const { openPlane } = await import(${JSON.stringify(file)});
    await openPlane(${JSON.stringify(SMALL)});
    console.log(Date.now());
    process.exit(0);
  `;
  const began = Number(execFileSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" }));
  expect(Date.now() - began).toBeLessThan(5000);
});

test("the engines are what was asked for, else one of the two", async () => {
  const asked = await open({ engines: { chacha20poly1305: "native", aes128gcm16: "wasm", aes256gcm16: "native" } });
  expect(asked.engines()).toEqual({ chacha20poly1305: "native", aes128gcm16: "wasm", aes256gcm16: "native" });
  const chosen = (await open({ engines: {} })).engines();
  expect(Object.keys(chosen)).toEqual(["chacha20poly1305", "aes128gcm16", "aes256gcm16"]);
  for (const engine of Object.values(chosen)) expect(["wasm", "native"]).toContain(engine);
});
