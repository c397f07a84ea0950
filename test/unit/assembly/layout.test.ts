import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as L from "../../../assembly/layout.ts";

type Field = readonly [name: string, from: number, bytes: number];

/** Fields that lie behind one another without overlap, before `end`. */
function apart(fields: readonly Field[], end: number): void {
  const sorted = fields.toSorted((a, b) => a[1] - b[1]);
  sorted.forEach(([name, from, bytes], i) => {
    const next = sorted[i + 1] ?? (["the end", end, 0] as const);
    expect(from + bytes, `${name} reaches into ${next[0]}`).toBeLessThanOrEqual(next[1]);
  });
}

const LINE = 64;
const all = L.SOCKETS * L.TX_MAX;

describe("the memory map", () => {
  it("is the same for the control side as for the module: all names of all its parts, none of them twice", async () => {
    const folder = new URL("../../../assembly/layout/", import.meta.url);
    const parts = await Promise.all(readdirSync(folder).map((file) => import(new URL(file, folder).href)));
    expect(Object.keys(L).sort()).toEqual(parts.flatMap((part) => Object.keys(part)).sort());
    expect(parts.length).toBeGreaterThan(1);
  });

  it("gives each field of an SA slot bytes of its own", () => {
    const words = [
      "STATE",
      "SPI",
      "CIPHER",
      "FLAGS",
      "SALT",
      "PATH",
      "ADJ",
      "VRF",
      "SELECTORS",
      "REPLAYED",
      "FORGED",
      "MOVED",
      "GENERATION",
    ];
    const longs = ["SEQUENCE", "SEQUENCE_LIMIT", "PACKETS", "BYTES", "LAST"];
    const at = (name: string) => (L as unknown as Record<string, number>)[`SA_${name}`]!;
    const fields: Field[] = [
      ...words.map((name) => [name, at(name), 4] as const),
      ...longs.map((name) => [name, at(name), 8] as const),
      ["REPLAY", L.SA_REPLAY, L.REPLAY_BLOCKS * 8],
      ["KEY", L.SA_KEY, L.SA_KEY_SIZE],
    ];
    apart(fields, L.SA_STRIDE);
    for (const name of longs) expect(at(name) % 8).toBe(0);
    // What each packet that is sealed reads and writes is one line.
    for (const name of ["STATE", "SPI", "CIPHER", "FLAGS", "SALT", "PATH", ...longs])
      expect(at(name)).toBeLessThan(LINE);
    expect(L.SA_KEY % LINE).toBe(0);
    expect(L.SA_REPLAY % LINE).toBe(0);
    // Neighbours share no line, and do not fall on the same sets.
    expect(L.SA_STRIDE % LINE).toBe(0);
    expect((L.SA_STRIDE / LINE) % 2).toBe(1);
    expect((L.REPLAY_BLOCKS - 1) * 64).toBeGreaterThanOrEqual(L.REPLAY_WINDOW + 64);
  });

  it("gives each part of an arena bytes of its own, on lines of their own", () => {
    const head: Field[] = [
      ["EPOCH", L.W_EPOCH, 4],
      ["NOW", L.W_NOW, 8],
      ["TX_COUNT", L.W_TX_COUNT, L.SOCKETS * 4],
      ["TUN_COUNT", L.W_TUN_COUNT, 4],
      ["OP_COUNT", L.W_OP_COUNT, 4],
      ["TX_USED", L.W_TX_USED, 4],
      ["ICMP_TOKENS", L.W_ICMP_TOKENS, 8],
      ["ICMP_AT", L.W_ICMP_AT, 8],
      ["TUNIOV_COUNT", L.W_TUNIOV_COUNT, 4],
      ["OPEN_COUNT", L.W_OPEN_COUNT, 4],
      ["OPEN_NEXT", L.W_OPEN_NEXT, 4],
      ["GSO_REFUSED", L.W_GSO_REFUSED, 4],
    ];
    const parts: Field[] = [
      ["COUNTERS", L.W_COUNTERS, L.COUNTERS_MAX * 8],
      ["SCRATCH", L.W_SCRATCH, 64],
      ["VNET_PLAIN", L.W_VNET_PLAIN, 16],
      ["FLOW", L.W_FLOW, L.FLOW_LIFE],
      ["TEMPLATE", L.W_TEMPLATE, L.TEMPLATE_SIZE],
      ["FLOWS", L.W_FLOWS, L.FLOWS * L.FLOW_STRIDE],
      ["AHEAD", L.W_AHEAD, L.AHEAD_SIZE],
      ["RXMSG", L.RXMSG, L.BATCH * L.MSG_STRIDE],
      ["RXIOV", L.RXIOV, L.BATCH * L.IOV_STRIDE],
      ["RXNAME", L.RXNAME, L.BATCH * L.NAME_STRIDE],
      ["RXCTL", L.RXCTL, L.BATCH * L.CTL_STRIDE],
      ["TUNLEN", L.TUNLEN, L.BATCH * 4],
      ["AHEAD_FLOWS", L.W_AHEAD_FLOWS, L.AHEAD_GROUP * L.FLOW_ENTRY],
      ["AEAD", L.AEAD, L.AEAD_SIZE],
      ["TXMSG", L.TXMSG, all * L.MSG_STRIDE],
      ["TXIOV", L.TXIOV, all * L.IOV_STRIDE],
      ["TXCTL", L.TXCTL, all * L.CTL_STRIDE],
      ["TXSA", L.TXSA, all * 4],
      ["TXRUN", L.TXRUN, all * 4],
      ["TUNOUT", L.TUNOUT, L.TUNOUT_MAX * L.TUNOUT_STRIDE],
      ["TUNIOV", L.TUNIOV, L.TUNIOV_MAX * L.IOV_STRIDE],
      ["OPEN_OPS", L.OPEN_OPS, L.OPEN_OPS_MAX * L.OP_STRIDE],
      ["SEAL_OPS", L.SEAL_OPS, L.SEAL_OPS_MAX * L.OP_STRIDE],
      ["RING_HEAD", L.RING_HEAD, 4],
      ["RING_TAIL", L.RING_TAIL, 4],
      ["RING_DATA", L.RING_DATA, L.RING_SIZE],
      ["RX", L.RX, L.BATCH * L.SLOT_STRIDE],
      ["TUNRX", L.TUNRX, L.BATCH * L.SLOT_STRIDE],
      ["TX", L.TX, L.TX_SIZE],
    ];
    apart([...head, ...parts], L.ARENA_SIZE);
    for (const [name, from] of parts) expect(from % LINE, name).toBe(0);
    expect(L.ARENA_SIZE % 65536).toBe(0);
    expect((L.SLOT_STRIDE / LINE) % 2).toBe(1);
    expect(L.W_AHEAD_SUM + 4).toBeLessThanOrEqual(L.W_AHEAD + L.AHEAD_SIZE);
    // What the control thread reads of a worker at any time is not among what the worker writes for each packet.
    expect(Math.trunc(L.RING_TAIL / LINE)).not.toBe(Math.trunc(L.RING_HEAD / LINE));
  });

  it("keeps what a datagram needs of its path in one line", () => {
    apart(
      [
        ["SOCKET", L.PATH_SOCKET, 4],
        ["NAME_LENGTH", L.PATH_NAME_LENGTH, 4],
        ["INTERFACE", L.PATH_INTERFACE, 4],
        ["NAME", L.PATH_NAME, 28],
        ["SOURCE", L.PATH_SOURCE, 16],
      ],
      L.PATH_SIZE,
    );
    expect(L.PATH_SIZE).toBe(LINE);
  });

  it("makes guards, rules and flows one line each, and what changes together one word", () => {
    const of = (names: readonly string[], bytes: number): Field[] =>
      names.map((name) => [name, (L as unknown as Record<string, number>)[name]!, bytes]);
    apart(of(["GUARD_SET", "GUARD_DOMAIN"], 4), L.GUARD_SIZE);
    const words = ["RULE_PROTOCOL", "RULE_PORT_LOW", "RULE_PORT_HIGH", "RULE_ACCEPT", "RULE_HIT"];
    apart([...of(words, 4), ...of(["RULE_ADDRESS", "RULE_MASK"], 16)], L.RULE_STRIDE);
    apart(
      [
        ...of(["FLOW_TAG", "FLOW_DOMAIN", "FLOW_PORTS", "FLOW_META", "FLOW_GENERATION", "FLOW_VERSION"], 4),
        ["FLOW_ADDRESSES", L.FLOW_ADDRESSES, 32],
        ["FLOW_LIFE", L.FLOW_LIFE, 8],
      ],
      L.FLOW_ENTRY,
    );
    apart(
      [
        ...of(["SET_GENERATION", "SET_HITS", "SET_HITS_STRIDE"], 4),
        ["SET_LISTS", L.SET_LISTS, 4 * L.SET_LIST_STRIDE],
        ...of(["SET_DEFAULTS", "SET_DEFAULT_HITS"], 8),
      ],
      L.SET_HEAD,
    );
    for (const size of [L.GUARD_SIZE, L.RULE_STRIDE, L.FLOW_ENTRY, L.SET_HEAD]) expect(size).toBe(LINE);
    expect([L.FLOW_LIFE % 8, L.FLOW_GENERATION % 8, L.FLOW_VERSION]).toEqual([0, 0, L.FLOW_GENERATION + 4]);
    expect(L.FLOW_META).toBe(L.FLOW_PORTS + 4);
  });

  it("gives each part of the globals bytes of its own", () => {
    const words = Object.entries(L).filter(([name]) => /^G_(?!TUN_|FIB_PRIVATE|HOST_BASE|FLOWS_KEY)/.test(name));
    const fields = words.map(([name, at]) => [name, at as number, 4] as const);
    apart(
      [
        ...fields,
        ["G_HOST_BASE", L.G_HOST_BASE, 8],
        ["G_FLOWS_KEY", L.G_FLOWS_KEY, 16],
        ["G_TUN_GUARDS", L.G_TUN_GUARDS, L.MAX_TUNS * 4],
        ["G_TUN_VRFS", L.G_TUN_VRFS, L.MAX_TUNS * 4],
        ["G_TUN_FLAGS", L.G_TUN_FLAGS, L.MAX_TUNS * 4],
        ["G_FIB_PRIVATE", L.G_FIB_PRIVATE, L.FIB_PRIVATE_SIZE],
      ],
      L.VRFS,
    );
  });

  it("gives each part of a shape, a line, a queue and a cell bytes of its own", () => {
    apart(
      [
        ["THROUGH", L.SHAPE_THROUGH, 8],
        ["COST", L.SHAPE_COST, 8],
        ["BURST", L.SHAPE_BURST, 8],
        ["TARGET", L.SHAPE_TARGET, 8],
        ["INTERVAL", L.SHAPE_INTERVAL, 8],
        ["LIMIT", L.SHAPE_LIMIT, 4],
      ],
      L.SHAPE_HEAD,
    );
    apart(
      [
        ["LINE", L.PART_LINE, 4],
        ["FLOWS", L.PART_FLOWS, 4],
        ["WAITING", L.PART_WAITING, 4],
        ["BYTES", L.PART_BYTES, 4],
        ["PASSED", L.PART_PASSED, 8],
        ["PASSED_BYTES", L.PART_PASSED_BYTES, 8],
        ["QUEUED", L.PART_QUEUED, 8],
        ["DROPPED", L.PART_DROPPED, 8],
        ["MARKED", L.PART_MARKED, 8],
        ["DELAY", L.PART_DELAY, 8],
      ],
      L.SHAPE_PART,
    );
    // Workers do not write to each other's lines of the cache.
    expect([L.SHAPE_HEAD % LINE, L.SHAPE_PART % LINE]).toEqual([0, 0]);
    apart(
      [
        ["CLOCK", L.SHAPER_CLOCK, 8],
        ["DUE", L.SHAPER_DUE, 8],
        ["LINES_USED", L.SHAPER_LINES_USED, 4],
        ["FREE_LINE", L.SHAPER_FREE_LINE, 4],
        ["FRESH_LINES", L.SHAPER_FRESH_LINES, 4],
        ["FREE_CELL", L.SHAPER_FREE_CELL, 4],
        ["FRESH_CELLS", L.SHAPER_FRESH_CELLS, 4],
        ["CELLS_USED", L.SHAPER_CELLS_USED, 4],
        ["ACTIVE", L.SHAPER_ACTIVE, L.SHAPER_LINES * 4],
        ["lines", L.SHAPER_HEAD, L.SHAPER_LINES * L.LINE_STRIDE],
      ],
      L.SHAPER_CELLS,
    );
    apart(
      [
        ["ADJ", L.LINE_ADJ, 4],
        ["SHAPE", L.LINE_SHAPE, 4],
        ["PLACE", L.LINE_PLACE, 4],
        ["CELLS", L.LINE_CELLS, 4],
        ["NEW", L.LINE_NEW_FIRST, 8],
        ["OLD", L.LINE_OLD_FIRST, 8],
        ["DUE", L.LINE_DUE, 8],
        ["THROUGH", L.LINE_THROUGH, 8],
        ["FLOWS", L.LINE_FLOWS, L.FLOWS_PER_LINE * L.QUEUE_STRIDE],
      ],
      L.LINE_STRIDE,
    );
    apart(
      [
        ["FIRST", L.QUEUE_FIRST, 4],
        ["LAST", L.QUEUE_LAST, 4],
        ["BYTES", L.QUEUE_BYTES, 4],
        ["CREDIT", L.QUEUE_CREDIT, 4],
        ["NEXT", L.QUEUE_NEXT, 4],
        ["LISTED", L.QUEUE_LISTED, 4],
        ["TAG", L.QUEUE_TAG, 4],
        ["DROPPING", L.QUEUE_DROPPING, 4],
        ["COUNT", L.QUEUE_COUNT, 4],
        ["LAST_COUNT", L.QUEUE_LAST_COUNT, 4],
        ["FIRST_ABOVE", L.QUEUE_FIRST_ABOVE, 8],
        ["DROP_NEXT", L.QUEUE_DROP_NEXT, 8],
      ],
      L.QUEUE_STRIDE,
    );
    apart(
      [
        ["NEXT", L.CELL_NEXT, 4],
        ["MORE", L.CELL_MORE, 4],
        ["LENGTH", L.CELL_LENGTH, 4],
        ["CELLS", L.CELL_CELLS, 4],
        ["TIME", L.CELL_TIME, 8],
        ["DATA", L.CELL_DATA, L.CELL_ROOM],
      ],
      L.CELL_STRIDE,
    );
    for (const stride of [L.LINE_STRIDE, L.CELL_STRIDE]) expect((stride / LINE) % 2).toBe(1);
    expect(L.SHAPER_CELLS % LINE).toBe(0);
    expect(L.ADJ_SHAPE + 4).toBeLessThanOrEqual(L.ADJ_STRIDE);
  });
});
