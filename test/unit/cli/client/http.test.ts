import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Client } from "../../../../src/cli/client/client.ts";
import { ClientError } from "../../../../src/cli/client/error.ts";
import { consoleUrl, send } from "../../../../src/cli/client/http.ts";
import { fakeTerminal } from "./terminal.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, times: number) => void;
const servers: Server[] = [];

async function serve(answer: Answer) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    request.on("end", () => answer(request, response, requests.length));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requests, client: new Client(fakeTerminal(), { url, ca: null }, { authorization: "Bearer t" }) };
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response
    .writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers })
    .end(JSON.stringify(body));
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe("a request", () => {
  it("waits as long as the console asks for", async () => {
    const busy = { code: "too-many-requests", message: "too many", next: "wait" };
    const { client, requests } = await serve((_, response, times) =>
      times === 1 ? json(response, 429, busy, { "retry-after": "1" }) : json(response, 200, { ok: true }),
    );
    const start = performance.now();
    expect((await client.get("/v1/x")).body).toEqual({ ok: true });
    expect(performance.now() - start).toBeGreaterThan(900);
    expect(requests).toHaveLength(2);
  });

  it("does not wait for long, but says so", async () => {
    const { client } = await serve((_, response) =>
      json(
        response,
        429,
        { code: "too-many-tries", message: "too many tries", next: "Try again in 60 s" },
        { "retry-after": "60" },
      ),
    );
    await expect(client.get("/v1/x")).rejects.toMatchObject({
      status: 429,
      reason: "refused",
      next: "Try again in 60 s",
    });
  });

  it("that creates is sent again with the same key when its answer is lost", async () => {
    const { client, requests } = await serve((_, response, times) =>
      times === 1 ? response.destroy() : json(response, 201, { id: "x" }),
    );
    expect((await client.post("/v1/x", { name: "a" })).status).toBe(201);
    const keys = requests.map(({ headers }) => headers["idempotency-key"]);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys).toEqual([keys[0], keys[0]]);
  });

  it("that changes is not sent again", async () => {
    const { client, requests } = await serve((_, response) => void response.destroy());
    await expect(client.patch("/v1/x", '"1"', {})).rejects.toMatchObject({
      code: "answer-lost",
      reason: "no-answer",
      next: expect.stringContaining("may have been done"),
    });
    expect(requests).toHaveLength(1);
    expect(requests[0].headers).toMatchObject({ "if-match": '"1"', authorization: "Bearer t" });
  });

  it("that creates waits for a console that goes away in the middle and comes back", async () => {
    const { url, client, requests } = await serve((_, response, times) => {
      if (times > 1) return json(response, 201, { id: "x" });
      const [server] = servers;
      // Nobody listens for a while.
      server.close(() => setTimeout(() => server.listen(Number(new URL(url).port), "127.0.0.1"), 1500));
      server.closeAllConnections();
    });
    expect((await client.post("/v1/x", { name: "a" })).status).toBe(201);
    expect(requests).toHaveLength(2);
  });

  it("that was never sent is not waited for", async () => {
    const call = { method: "POST", path: "/v1/x", repeatable: true } as const;
    await expect(send({ url: "http://127.0.0.1:1", ca: null }, call)).rejects.toMatchObject({
      code: "unreachable",
      next: "Check the URL, and that the console runs",
    });
  });

  it("follows pages", async () => {
    const { client, requests } = await serve(({ url }, response) => {
      const cursor = Number(new URL(url as string, "http://x").searchParams.get("cursor") ?? 0);
      json(response, 200, { items: [cursor, cursor + 1], next: cursor < 4 ? String(cursor + 2) : null });
    });
    expect(await client.list("/v1/x", { area: "a b" })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(requests[1].url).toBe("/v1/x?area=a+b&limit=500&cursor=2");
  });

  it("gives up when nothing comes", async () => {
    const { url } = await serve(() => undefined);
    const call = { method: "GET", path: "/v1/x", patience: 100 } as const;
    await expect(send({ url, ca: null }, call)).rejects.toMatchObject({ code: "answer-lost" });
  });

  it.each<[string, Answer, object]>([
    [
      "a refusal",
      (_, r) => json(r, 409, { code: "cidr-conflict", message: "m", next: "n", path: "cidrs[0]" }),
      { reason: "refused", code: "cidr-conflict", path: "cidrs[0]", status: 409 },
    ],
    [
      "no login",
      (_, r) => json(r, 401, { code: "token-invalid", message: "m", next: "n" }),
      { reason: "not-logged-in" },
    ],
    [
      "another server's error",
      (_, r) => r.writeHead(502, { "content-type": "text/html" }).end("<html>"),
      { reason: "no-answer", code: "no-console" },
    ],
    [
      "broken JSON",
      (_, r) => r.writeHead(200, { "content-type": "application/json" }).end("{"),
      { code: "no-console" },
    ],
  ])("answered by %s fails", async (_, answer, expected) => {
    const { client } = await serve(answer);
    await expect(client.get("/v1/x")).rejects.toMatchObject(expected);
  });

  it("to where nobody listens says so", async () => {
    const { url } = await serve(() => undefined);
    await new Promise((resolve) => (servers.pop() as Server).close(resolve));
    await expect(send({ url, ca: null }, { method: "GET", path: "/" })).rejects.toMatchObject({ code: "unreachable" });
  });
});

describe("the URL of a console", () => {
  it.each([
    ["https://c.example:8443", "https://c.example:8443"],
    ["c.example:8443", "https://c.example:8443"],
    ["https://c.example/", "https://c.example"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"],
  ])("%s", (text, expected) => expect(consoleUrl(text)).toBe(expected));

  it.each(["http://c.example", "ftp://c", "https://a:b@c", "https://c/path", "https://c?x", "", "https://"])(
    "not %j",
    (text) => expect(() => consoleUrl(text)).toThrow(ClientError),
  );
});

describe("an error", () => {
  it("is told in sentences, all of it", () => {
    const one = { code: "a", message: "cidr overlaps", next: "choose another", path: "cidrs[0]" };
    const two = { code: "b", message: "name is taken", next: "rename it", path: "name" };
    const error = new ClientError("refused", "a", "cidr overlaps (and 1 more)", "choose another", {
      path: "cidrs[0]",
      violations: [one, two],
    });
    expect(error.lines()).toEqual([
      "vcpe: cidrs[0]: cidr overlaps (and 1 more). Choose another.",
      "  cidrs[0]: Cidr overlaps. Choose another.",
      "  name: Name is taken. Rename it.",
    ]);
  });
});
