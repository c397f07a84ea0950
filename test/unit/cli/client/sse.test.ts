import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ServerEvent, serverEvents } from "../../../../src/cli/client/sse.ts";

async function read(chunks: Iterable<Buffer | string>): Promise<ServerEvent[]> {
  const all: ServerEvent[] = [];
  for await (const event of serverEvents(
    (async function* () {
      yield* chunks;
    })(),
  ))
    all.push(event);
  return all;
}

describe("server-sent events", () => {
  it("are read as the standard has it", async () => {
    const text = ": hello\n\nid: 7\nevent: change\ndata: {\ndata:  }\n\nretry: 2000\ndata\n\nevent: lost\n\ndata: half";
    expect(await read([text])).toEqual([
      { id: "7", event: "change", data: "{\n }" },
      { id: "7", event: "message", data: "" },
    ]);
    expect(await read(["data: a\r\n\r\ndata: b\r\rdata: c\n\n"])).toMatchObject([
      { data: "a" },
      { data: "b" },
      { data: "c" },
    ]);
  });

  it("are the same however they are cut", async () => {
    const event = fc.record({
      event: fc.stringMatching(/^[a-z]{1,8}$/),
      data: fc.string({ unit: "grapheme" }).map((s) => s.replace(/[\r\n]/g, "")),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 5 }),
        fc.constantFrom("\n", "\r\n"),
        fc.array(fc.nat(9)),
        async (events, eol, cuts) => {
          const bytes = Buffer.from(
            events.map(({ event, data }) => `event: ${event}${eol}data: ${data}${eol}${eol}`).join(""),
          );
          const chunks: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) {
            chunks.push(bytes.subarray(at, at + cut));
            at += cut;
          }
          chunks.push(bytes.subarray(at));
          expect(await read(chunks)).toEqual(events.map((one) => ({ id: undefined, ...one })));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("of endless length are refused", async () => {
    const endless = Array.from({ length: 20 }, () => "x".repeat(100_000));
    await expect(read(endless)).rejects.toThrow("too long");
  });
});
