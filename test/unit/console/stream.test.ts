import { afterEach, expect, it, vi } from "vitest";
import { Journal } from "../../../src/console/api/journal.ts";
import { STREAM_LIMITS } from "../../../src/console/api/stream.ts";
import { ask, openRig, type Rig } from "./rig.ts";

let rig: Rig | undefined;
const readers: AbortController[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.abort();
  await rig?.close();
  rig = undefined;
});

/** Reads the stream; `until` waits for a text in all that came. */
async function read(headers: Record<string, string> = {}) {
  const stop = new AbortController();
  readers.push(stop);
  const { port } = rig!.app.server.address() as { port: number };
  const reply = await fetch(`http://127.0.0.1:${port}/v1/events/stream`, {
    headers: { "x-role": "viewer", ...headers },
    signal: stop.signal,
  });
  let text = "";
  let ended = false;
  const body = (async () => {
    if (reply.status !== 200) return;
    for await (const piece of reply.body!.pipeThrough(new TextDecoderStream())) text += piece;
  })().catch(() => {});
  void body.then(() => {
    ended = true;
  });
  const until = async (part: string) => {
    for (let i = 0; i < 1500 && !text.includes(part); i++) await new Promise((done) => setTimeout(done, 10));
    expect(text).toContain(part);
    return text;
  };
  const end = async () => {
    for (let i = 0; i < 1500 && !ended; i++) await new Promise((done) => setTimeout(done, 10));
    expect(ended).toBe(true);
  };
  return { status: reply.status, type: reply.headers.get("content-type"), until, end };
}

async function listen(limits: Partial<typeof STREAM_LIMITS> = {}): Promise<void> {
  rig = await openRig(":memory:", { stream: { ...STREAM_LIMITS, ...limits } });
  await rig.app.listen({ host: "127.0.0.1", port: 0 });
}

it("tells of changes, events and states as they come", async () => {
  await listen({ heartbeat: 50 });
  const stream = await read();
  expect([stream.status, stream.type]).toEqual([200, "text/event-stream"]);
  await stream.until("retry: 2000");
  await ask(rig!, "POST", "/areas", { name: "a1" });
  await stream.until('event: change\ndata: {"revision":1,"changes":[{"kind":"area"');
  rig!.desk.event({ level: "WARN", code: "Test", message: "x" });
  await stream.until('event: event\ndata: {"id":1,');
  rig!.fleet.see("vcpe0", { controller: "normal" });
  const once = await stream.until('event: status\ndata: {"device":"vcpe0","status":{"controller":"normal"');
  rig!.fleet.see("vcpe0", { lastSeen: "2026-01-01T00:00:00.000Z" });
  await stream.until(": still here");
  expect(once.split("event: status")).toHaveLength(2);
});

it("does not tell of counters, which change all the time", async () => {
  await listen();
  const stream = await read();
  await stream.until("retry: 2000");
  rig!.fleet.see("vcpe0", { controller: "normal", drops: { "no-route": 1 } });
  rig!.fleet.see("vcpe0", { drops: { "no-route": 2 } });
  rig!.fleet.see("vcpe0", { controller: "abnormal" });
  const text = await stream.until('"controller":"abnormal"');
  expect(text.split("event: status")).toHaveLength(3);
  expect(text).not.toContain("no-route");
});

it("goes on from the last event that was read", async () => {
  await listen();
  const first = await read();
  await first.until("retry");
  await ask(rig!, "POST", "/areas", { name: "a1" });
  const [, id] = /id: (\S+)/.exec(await first.until("event: change"))!;
  await ask(rig!, "POST", "/areas", { name: "a2" });
  const text = await (await read({ "last-event-id": id })).until("event: change");
  expect(text).toContain('"name":"a2"');
  expect(text).not.toContain('"name":"a1"');
  await (await read({ "last-event-id": "000000000000-1" })).until("event: reset");
  await (await read({ "last-event-id": "no such" })).until("event: reset");
});

it("cuts off a reader that does not keep up, and refuses more readers than it has room for", async () => {
  await listen({ waiting: 1000, readers: 1 });
  const stream = await read();
  await stream.until("retry");
  expect((await read()).status).toBe(503);
  const message = "x".repeat(1000);
  for (let i = 0; i < 40_000; i++) rig!.desk.event({ level: "INFO", code: `Flood${i}`, message });
  await stream.end();
  const again = await read();
  expect(again.status).toBe(200);
});

it("gives one user, and one address, so many places and no more", async () => {
  await listen({ readers: 5, readersOfUser: 2, readersAtAddress: 4 });
  const as = (user: string, address = "192.0.2.7") => read({ "x-user": user, "x-address": address });
  const asked = (user: string, address = "192.0.2.7") =>
    ask(rig!, "GET", "/events/stream", undefined, { "x-user": user, "x-address": address });
  const first = await as("eve");
  await as("eve", "192.0.2.8");
  const refused = (message: RegExp) => ({
    status: 429,
    body: { code: "too-many-readers", message: expect.stringMatching(message), next: expect.stringMatching(/GET/) },
  });
  expect(await asked("eve", "192.0.2.9")).toMatchObject(refused(/^eve reads the stream 2 times already$/));
  for (const user of ["ann", "bob", "cid"]) expect((await as(user)).status).toBe(200);
  expect(await asked("dan")).toMatchObject(refused(/^4 read the stream from 192\.0\.2\.7 already$/));
  expect(await asked("dan", "192.0.2.9")).toMatchObject({ status: 503, body: { code: "too-many-readers" } });
  // Whoever ends one has its place again.
  readers[0]!.abort();
  await first.end();
  await vi.waitFor(async () => expect((await as("eve")).status).toBe(200), 15_000);
});

it("tells a reader that missed more than may wait for it to read anew, lest it be cut off each time", async () => {
  await listen({ waiting: 2000 });
  const first = await read();
  await ask(rig!, "POST", "/areas", { name: "a1" });
  const [, id] = /id: (\S+)/.exec(await first.until("event: change"))!;
  const message = "x".repeat(900);
  for (let i = 0; i < 3; i++) {
    rig!.desk.event({ level: "INFO", code: `Long${i}`, message });
    await first.until(`Long${i}`);
  }
  const again = await read({ "last-event-id": id });
  const text = await again.until("event: reset");
  expect(text).not.toContain("Long");
  await ask(rig!, "POST", "/areas", { name: "a2" });
  await again.until('"name":"a2"');
});

it("the journal knows what it still has", () => {
  const journal = new Journal(3);
  const ids = Array.from({ length: 10 }, (_, i) => journal.add("event", { i }).id);
  const after = (id: string) => journal.after(id)?.map(({ data }) => JSON.parse(data).i);
  expect(after(ids[9])).toEqual([]);
  expect(after(ids[7])).toEqual([8, 9]);
  expect(after(ids[0])).toBeUndefined();
  expect(after(ids[9].replace(/\d+$/, "11"))).toBeUndefined();
  expect(after(`${"0".repeat(12)}-9`)).toBeUndefined();
  expect(journal.last).toBe(ids[9]);
});

it("the journal keeps no more than anybody would be sent", () => {
  const journal = new Journal(4096, 10_000);
  const ids = Array.from({ length: 100 }, (_, i) => journal.add("change", { i, x: "x".repeat(1000) }).id);
  const known = ids.filter((id) => journal.after(id) !== undefined);
  expect(known.length).toBeGreaterThan(5);
  expect(known.length).toBeLessThan(25);
  expect(journal.after(ids[97])).toHaveLength(2);
  const { id } = journal.add("change", { x: "x".repeat(100_000) });
  expect(journal.after(ids[99])).toBeUndefined();
  expect(journal.after(id)).toEqual([]);
  const next = journal.add("event", {});
  expect(journal.after(id)).toEqual([next]);
});
