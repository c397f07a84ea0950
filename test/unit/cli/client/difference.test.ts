import { expect, it } from "vitest";
import { differences, lineOf, routerLines } from "../../../../src/cli/client/difference.ts";

const route = (prefix: string) => ({ prefix, preference: 0, zone: null });

it("of short lists shows both, of long ones what comes and what goes", () => {
  const lines = (before: unknown, after: unknown) => differences({ routes: before }, { routes: after }).map(lineOf);
  expect(lines([], ["eth2"])).toEqual(['routes: [] → ["eth2"]']);
  const [a, b, c] = ["10.1.0.0/16", "10.2.0.0/16", "172.16.0.0/12"].map(route);
  expect(lines([a, b], [a, c])).toEqual([
    'routes: + {"prefix":"172.16.0.0/12","preference":0,"zone":null}, - {"prefix":"10.2.0.0/16","preference":0,"zone":null}',
  ]);
  expect(lines([a, b], [b, a])).toEqual(["routes: another order"]);
  const many = Array.from({ length: 9 }, (_, i) => route(`10.${i}.0.0/16`));
  expect(lines([], many)[0]).toMatch(/^routes: \+ .*, and 5 more$/);
});

it("of routers says what each gets, also where a list has grown by one", () => {
  const before = { routes: [route("10.1.0.0/16"), route("10.2.0.0/16")] };
  const after = { routes: [...before.routes, route("10.3.0.0/16")] };
  const changed = [{ key: "tunnel/x", before, after }];
  expect(routerLines({ routers: [{ router: "vcpe1", name: "gw", added: [], changed, removed: [] }] })).toEqual([
    "router vcpe1, gw: 0 added, 1 changed, 0 removed",
    '  ~ tunnel/x routes: + {"prefix":"10.3.0.0/16","preference":0,"zone":null}',
  ]);
});
