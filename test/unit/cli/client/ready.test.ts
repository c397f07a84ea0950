/** `vcpe ready --wait` against a console that goes and comes back. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCredentials } from "../../../../src/cli/client/credentials.ts";
import { ready } from "../../../../src/cli/ready.ts";
import { fakeTerminal } from "./terminal.ts";

const chain = (ok: boolean) => ({
  ready: ok,
  links: [{ link: "device", ok, code: ok ? "ok" : "not-joined", message: "it is so", next: "Join it" }],
});

it("goes on while the console is restarted, for as long as it may; a console that never answered is told at once", async () => {
  let answers = 0;
  const server = createServer((_, response) => {
    // Before the restart it is not ready, and after it it is.
    const body = JSON.stringify(chain(++answers > 1));
    response.writeHead(200, { "content-type": "application/json", connection: "close" }).end(body);
    if (answers > 1) return;
    server.close();
    setTimeout(() => server.listen(port, "127.0.0.1"), 900);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const folder = mkdtempSync(join(tmpdir(), "vcpe-ready-"));
  try {
    const file = join(folder, "c.json");
    const url = `http://127.0.0.1:${port}`;
    writeCredentials(file, { url, ca: null, user: "a", id: "t", token: "vcpe_x", expires: null });
    const terminal = fakeTerminal({ VCPE_CREDENTIALS: file });
    expect(await ready(terminal, "hz", { wait: true, timeout: "20s" })).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(terminal.written.err).toMatch(
      /^waiting \(\S+\): device: it is so\nwaiting \(\S+\): no console answers at \S+ \(ECONNREFUSED\)\n$/,
    );
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(ready(terminal, "hz", { wait: true, timeout: "20s" })).rejects.toMatchObject({ code: "unreachable" });
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
