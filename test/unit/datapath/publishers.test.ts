import { expect, test } from "vitest";
import {
  ADJ_BLACKHOLE,
  ADJ_CHILDREN,
  ADJ_ID,
  ADJ_KIND,
  ADJ_LOCAL,
  ADJ_MTU,
  ADJ_TUN,
  ADJ_TUNNEL,
  CHILD_SAS,
  CHILD_SELECTORS,
  CHILD_STRIDE,
  CHILDREN_COUNT,
  CHILDREN_HEAD,
  PATH_NAME,
  PATH_NAME_LENGTH,
  PATH_SOCKET,
  PATH_SOURCE,
  SELECTOR_FAMILY,
  SELECTOR_HIGH,
  SELECTOR_LOW,
  SELECTOR_PORT_HIGH,
  SELECTOR_PORT_LOW,
  SELECTOR_PROTOCOL,
  SELECTOR_STRIDE,
  SELECTORS_HEAD,
  SELECTORS_LOCALS,
  SELECTORS_REMOTES,
  SOCKET_IKE4,
  SOCKET_NAT4,
  SOCKET_NAT6,
  VRF_ADDR4,
  VRF_ADDR6,
  VRF_STRIDE,
  VRFS,
} from "../../../assembly/layout.ts";
import type { Sender } from "../../../src/datapath/children.ts";
import { publishPath } from "../../../src/datapath/path.ts";
import type { SelectorRange, SelectorSet } from "../../../src/datapath/plane.ts";
import { matchesAny } from "../../../src/datapath/selectors.ts";
import { Vrfs } from "../../../src/datapath/vrf.ts";
import { beginBatch, goIdle, makeTables } from "./tables.ts";

const bytes4 = (...octets: number[]): Uint8Array => Uint8Array.from(octets);
const any4: SelectorRange = {
  protocol: 0,
  portLow: 0,
  portHigh: 65535,
  low: new Uint8Array(4),
  high: new Uint8Array(4).fill(255),
};
const any6: SelectorRange = { ...any4, low: new Uint8Array(16), high: new Uint8Array(16).fill(255) };
const web: SelectorRange = {
  protocol: 6,
  portLow: 80,
  portHigh: 443,
  low: bytes4(10, 1, 0, 0),
  high: bytes4(10, 1, 255, 255),
};

test("a selector set, field by field", () => {
  const { memory, selectors } = makeTables();
  const address = selectors.acquire({ local: [web], remote: [any4, any6] });
  const { view, bytes } = memory;
  expect(view.getUint32(address + SELECTORS_LOCALS, true)).toBe(1);
  expect(view.getUint32(address + SELECTORS_REMOTES, true)).toBe(2);
  const first = address + SELECTORS_HEAD;
  expect([bytes[first + SELECTOR_FAMILY], bytes[first + SELECTOR_PROTOCOL]]).toEqual([4, 6]);
  expect(view.getUint16(first + SELECTOR_PORT_LOW, true)).toBe(80);
  expect(view.getUint16(first + SELECTOR_PORT_HIGH, true)).toBe(443);
  expect([...bytes.subarray(first + SELECTOR_LOW, first + SELECTOR_LOW + 4)]).toEqual([10, 1, 0, 0]);
  expect([...bytes.subarray(first + SELECTOR_HIGH, first + SELECTOR_HIGH + 4)]).toEqual([10, 1, 255, 255]);
  expect(bytes[first + 2 * SELECTOR_STRIDE + SELECTOR_FAMILY]).toBe(6);
});

test("equal sets are one block until the last user has gone; any packet is no block", () => {
  const { selectors, pool } = makeTables();
  const set: SelectorSet = { local: [web], remote: [any4] };
  const one = selectors.acquire(set);
  expect(selectors.acquire({ local: [{ ...web }], remote: [any4] })).toBe(one);
  expect(selectors.acquire({ local: [any4], remote: [web] })).not.toBe(one);
  expect(pool.used).toBe(2);
  selectors.release(one);
  expect(pool.used).toBe(2);
  selectors.release(one);
  expect(pool.used).toBe(1);
  expect(() => selectors.release(one)).toThrow(expect.objectContaining({ code: "unknown" }));
  expect(selectors.acquire({ local: [any4, any6], remote: [any6, any4] })).toBe(0);
  expect(matchesAny({ local: [any4], remote: [any4, any6] })).toBe(false);
  expect(matchesAny({ local: [any4, { ...any6, protocol: 17 }], remote: [any4, any6] })).toBe(false);
});

test("a path, field by field", () => {
  const { memory, pool } = makeTables();
  const { view, bytes } = memory;
  const address4 = (last: number, port: number) => ({ address: bytes4(192, 0, 2, last), port });
  const four = publishPath(memory, pool, { local: address4(1, 4500), remote: address4(2, 4600) }, 500);
  expect(view.getUint32(four + PATH_SOCKET, true)).toBe(SOCKET_NAT4);
  expect(view.getUint32(four + PATH_NAME_LENGTH, true)).toBe(16);
  expect([...bytes.subarray(four + PATH_NAME, four + PATH_NAME + 8)]).toEqual([2, 0, 0x11, 0xf8, 192, 0, 2, 2]);
  expect([...bytes.subarray(four + PATH_SOURCE, four + PATH_SOURCE + 4)]).toEqual([192, 0, 2, 1]);
  const ike = publishPath(memory, pool, { local: address4(1, 500), remote: address4(2, 500) }, 500);
  expect(view.getUint32(ike + PATH_SOCKET, true)).toBe(SOCKET_IKE4);
  const address6 = (last: number) => ({ address: new Uint8Array(16).fill(last, 15), port: 4500 });
  const six = publishPath(memory, pool, { local: address6(1), remote: address6(2) }, 500);
  expect(view.getUint32(six + PATH_SOCKET, true)).toBe(SOCKET_NAT6);
  expect(view.getUint32(six + PATH_NAME_LENGTH, true)).toBe(28);
  expect(bytes[six + PATH_NAME + 8 + 15]).toBe(2);
  expect(bytes[six + PATH_SOURCE + 15]).toBe(1);
  const mixed = { local: address4(1, 4500), remote: address6(2) };
  expect(() => publishPath(memory, pool, mixed, 500)).toThrow(expect.objectContaining({ code: "invalid" }));
});

test("adjacencies: fields, kind, and an index that comes back after the epoch only", () => {
  const { memory, adjacencies } = makeTables();
  const { view } = memory;
  const tunnel = adjacencies.add(ADJ_TUNNEL, { mtu: 1400 });
  const local = adjacencies.add(ADJ_LOCAL, { tun: 3 });
  expect([tunnel, local]).toEqual([1, 2]);
  const at = adjacencies.address(tunnel);
  expect(view.getUint32(at + ADJ_KIND, true)).toBe(ADJ_TUNNEL);
  expect(view.getUint32(at + ADJ_MTU, true)).toBe(1400);
  expect(view.getUint32(at + ADJ_ID, true)).toBe(tunnel);
  expect(view.getUint32(adjacencies.address(local) + ADJ_TUN, true)).toBe(3);
  adjacencies.setMtu(tunnel, 1300);
  expect(view.getUint32(at + ADJ_MTU, true)).toBe(1300);
  expect(() => adjacencies.setMtu(local, 1300)).toThrow(/no tunnel with the index 2/);
  beginBatch(memory, 0);
  adjacencies.remove(tunnel, ADJ_TUNNEL);
  expect(view.getUint32(at + ADJ_KIND, true)).toBe(0);
  expect(adjacencies.add(ADJ_BLACKHOLE)).toBe(3);
  goIdle(memory, 0);
  const more = () => Array.from({ length: 8 }, () => adjacencies.add(ADJ_TUNNEL));
  expect(more).toThrow(expect.objectContaining({ code: "full" }));
});

test("child lists: order, one store for each worker when selectors are the same, else a new list", () => {
  const { memory, epochs, adjacencies, children, pool } = makeTables(2);
  const { view } = memory;
  const tunnel = adjacencies.add(ADJ_TUNNEL, { mtu: 0 });
  const list = () => view.getUint32(adjacencies.address(tunnel) + ADJ_CHILDREN, true);
  const sas = () =>
    Array.from({ length: view.getUint32(list() + CHILDREN_COUNT, true) }, (_, i) => {
      const at = list() + CHILDREN_HEAD + i * CHILD_STRIDE;
      return [CHILD_SELECTORS, CHILD_SAS, CHILD_SAS + 4].map((field) => view.getUint32(at + field, true));
    });
  const a: Sender = { selectors: 640, outbound: [1000, 1000], own: false };
  const b: Sender = { selectors: 704, outbound: [2000, 2000], own: false };
  const a2: Sender = { selectors: 640, outbound: [3000, 3000], own: false };
  const wide: Sender = { selectors: 0, outbound: [4000, 4000], own: false };
  children.put(tunnel, a, undefined);
  children.put(tunnel, b, undefined);
  expect(sas()).toEqual([
    [704, 2000, 2000],
    [640, 1000, 1000],
  ]);
  const before = list();
  children.put(tunnel, a2, a);
  expect(list()).toBe(before);
  expect(sas()[1]).toEqual([640, 3000, 3000]);
  children.put(tunnel, wide, a2);
  expect(list()).not.toBe(before);
  expect(sas()).toEqual([
    [704, 2000, 2000],
    [0, 4000, 4000],
  ]);
  // Again: no change. Instead of one that has left: as if it were new.
  children.put(tunnel, wide, undefined);
  children.put(tunnel, a, a2);
  expect(children.of(tunnel)).toEqual([a, b, wide]);
  // Both in the list: the one replaced leaves.
  children.put(tunnel, b, a);
  expect(children.of(tunnel)).toEqual([b, wide]);
  children.drop(tunnel, b);
  children.drop(tunnel, b);
  children.drop(tunnel, wide);
  expect(list()).toBe(0);
  epochs.reclaim();
  expect(pool.used).toBe(0);
});

test("child lists: a worker's own SA before the shared one of the same selectors, whichever came first", () => {
  const { memory, pool, epochs, adjacencies, children } = makeTables();
  const tunnel = adjacencies.add(ADJ_TUNNEL, { mtu: 0 });
  const rows = () => {
    const list = memory.view.getUint32(adjacencies.address(tunnel) + ADJ_CHILDREN, true);
    return Array.from({ length: memory.view.getUint32(list + CHILDREN_COUNT, true) }, (_, i) => {
      const at = list + CHILDREN_HEAD + i * CHILD_STRIDE + CHILD_SAS;
      return [memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true)];
    });
  };
  const shared: Sender = { selectors: 640, outbound: [1000, 1000], own: false };
  const own: Sender = { selectors: 640, outbound: [0, 2000], own: true };
  const other: Sender = { selectors: 704, outbound: [3000, 3000], own: false };
  for (const sender of [other, shared, own]) children.put(tunnel, sender, undefined);
  expect(children.of(tunnel)).toEqual([own, shared, other]);
  const again: Sender = { ...shared, outbound: [4000, 4000] };
  children.drop(tunnel, shared);
  children.put(tunnel, again, undefined);
  expect(children.of(tunnel)).toEqual([own, again, other]);
  const rekeyed: Sender = { ...own, outbound: [0, 5000] };
  children.put(tunnel, rekeyed, own);
  expect(rows()).toEqual([
    [0, 5000],
    [4000, 4000],
    [3000, 3000],
  ]);
  for (const sender of [rekeyed, again, other]) children.drop(tunnel, sender);
  epochs.reclaim();
  expect(pool.used).toBe(0);
});

test("the router's own addresses in a VRF: the first of each family", () => {
  const { memory, epochs } = makeTables();
  const vrfs = new Vrfs(memory, epochs);
  expect([vrfs.add(), vrfs.add()]).toEqual([0, 1]);
  const six = new Uint8Array(16).fill(7);
  vrfs.setAddresses(1, [six, bytes4(10, 0, 0, 1), bytes4(10, 0, 0, 2)]);
  const at = VRFS + VRF_STRIDE;
  expect([...memory.bytes.subarray(at + VRF_ADDR4, at + VRF_ADDR4 + 4)]).toEqual([10, 0, 0, 1]);
  expect([...memory.bytes.subarray(at + VRF_ADDR6, at + VRF_ADDR6 + 16)]).toEqual([...six]);
  vrfs.setAddresses(1, []);
  expect(memory.bytes.subarray(at, at + VRF_STRIDE).every((byte) => byte === 0)).toBe(true);
  vrfs.remove(0);
  expect(() => vrfs.setAddresses(0, [])).toThrow(expect.objectContaining({ code: "unknown" }));
  expect(vrfs.add()).toBe(0);
});

test("the index of a VRF that ended is not another one's while a worker may have a packet of the old one in hand", () => {
  const { memory, epochs } = makeTables();
  const vrfs = new Vrfs(memory, epochs);
  expect([vrfs.add(), vrfs.add()]).toEqual([0, 1]);
  beginBatch(memory, 1);
  vrfs.remove(0);
  expect(vrfs.used).toBe(1);
  expect(vrfs.add()).toBe(2);
  beginBatch(memory, 1);
  expect(vrfs.add()).toBe(0);
  vrfs.remove(2);
  expect(() => vrfs.check(2)).toThrow(expect.objectContaining({ code: "unknown" }));
  goIdle(memory, 1);
  expect(vrfs.add()).toBe(2);
});
