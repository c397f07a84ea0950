/** `vcpe events --follow` against a console whose stream breaks. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCredentials } from "../../../../src/cli/client/credentials.ts";
import { events } from "../../../../src/cli/watch.ts";
import { fakeTerminal } from "./terminal.ts";

const event = (id: number, level = "INFO") => ({
  id,
  at: `T${id}`,
  level,
  code: "DeviceOnline",
  message: `event ${id}`,
});

it("shows each event once, also those that came while it was not connected", async () => {
  const kept = [event(1), event(2)];
  let streams = 0;
  const ending = new AbortController();
  const server = createServer((request, response) => {
    const url = new URL(request.url as string, "http://x");
    if (url.pathname === "/v1/events") {
      const after = Number(url.searchParams.get("after") ?? 0);
      const items = kept.filter(({ id }) => id > after);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items, next: null }));
      return;
    }
    streams++;
    response.writeHead(200, { "content-type": "text/event-stream" });
    // Stored before it is told, as the console does it.
    const fresh = event(10 * streams);
    kept.push(fresh);
    response.write(`event: change\ndata: {}\n\nevent: event\ndata: ${JSON.stringify(fresh)}\n\n`);
    if (streams === 1) {
      response.end();
      kept.push(event(11), event(12, "WARN"));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const folder = mkdtempSync(join(tmpdir(), "vcpe-events-"));
  try {
    const file = join(folder, "c.json");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    writeCredentials(file, { url, ca: null, user: "a", id: "t", token: "vcpe_x", expires: null });
    const terminal = fakeTerminal({ VCPE_CREDENTIALS: file });
    const look = setInterval(() => {
      if (terminal.written.out.includes("event 20")) ending.abort();
    }, 50);
    await events(terminal, { follow: true, limit: "10", json: true }, ending.signal).finally(() => clearInterval(look));
    await new Promise((resolve) => setImmediate(resolve));
    const shown = terminal.written.out.trim().split("\n");
    expect(shown.map((line) => JSON.parse(line).id)).toEqual([1, 2, 10, 11, 12, 20]);
    expect(streams).toBe(2);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
