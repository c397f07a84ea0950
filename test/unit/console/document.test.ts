import type { TSchema } from "typebox";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Document, operations } from "./document.ts";
import { ask, openRig, type Rig } from "./rig.ts";

let rig: Rig;
let document: Document;
beforeAll(async () => {
  rig = await openRig();
  document = (await ask(rig, "GET", "/openapi.json")).body;
});
afterAll(() => rig.close());

describe("the OpenAPI document", () => {
  it("is of version 3.1, and resolves all that it refers to", () => {
    expect(document.openapi).toBe("3.1.0");
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to);
    expect(references.length).toBeGreaterThan(50);
    for (const to of new Set(references)) {
      const [, name] = /^#\/components\/schemas\/(.+)$/.exec(to) ?? [];
      expect([to, document.components.schemas[name ?? ""] !== undefined]).toEqual([to, true]);
    }
  });

  it("is made once, as anybody may ask for it", async () => {
    const made = vi.spyOn(rig.app, "swagger");
    const { headers, body } = await ask(rig, "GET", "/openapi.json");
    expect(headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(body).toEqual(document);
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });

  it("names each operation once, with role, summary and refusals", () => {
    const all = operations(document);
    expect(all.length).toBeGreaterThan(60);
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
    for (const operation of all) {
      expect(["public", "viewer", "operator", "admin"]).toContain(operation.role);
      expect(operation.summary).toBeTruthy();
      expect(operation.responses["400"]).toBeDefined();
    }
  });

  it("shows an example of each body", () => {
    const bodies = operations(document).filter(({ body, method }) => body && method === "POST");
    const without = bodies.filter(({ body, examples }) => !examples && !(body as TSchema & { anyOf?: unknown }).anyOf);
    expect(without.map(({ operationId }) => operationId)).toEqual([]);
  });
});
