import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Directory } from "../../../../src/console/model/directory.ts";
import { EMPTY, withChanges } from "../../../../src/console/model/intent.ts";
import { directoryOf } from "../../../../src/console/model/lineage.ts";
import { formatIpv4, overlap, prefixOf } from "../../../../src/console/model/prefix.ts";
import { PrefixSet } from "../../../../src/console/model/prefixset.ts";
import { routesOf } from "../../../../src/console/model/routes.ts";
import { history } from "../deeds.ts";
import { deeds } from "../dice.ts";
import { runs } from "../until.ts";
import { change, tutorial } from "../world.ts";

describe("routes", () => {
  it("name where each prefix comes from", () => {
    const { intent } = tutorial();
    expect(
      routesOf(intent).map(({ component, prefix, origin }) => [component, prefix, origin.kind, origin.name]),
    ).toEqual([
      ["cen-corp", "10.0.0.0/16", "vpc", "beijing"],
      ["cen-corp", "172.16.0.0/16", "instance", "hangzhou"],
      ["cen-corp", "172.17.0.0/16", "instance", "ningbo"],
      ["cen-corp", "192.168.0.0/16", "vpc", "shanghai"],
    ]);
    expect(routesOf(intent, "ccn-corp")).toEqual(routesOf(intent, "cen-corp"));
  });

  it("name both sides of what is at odds", () => {
    const site = tutorial().branch("late", "mainland", "corp", ["172.16.8.0/24"], { withdrawn: ["172.16.8.0/24"] });
    const odd = routesOf(site.intent).filter(({ conflicts }) => conflicts.length > 0);
    expect(
      odd.map(({ prefix, published, conflicts }) => [
        prefix,
        published,
        conflicts.map(({ name, prefix }) => `${prefix} of ${name}`),
      ]),
    ).toEqual([
      ["172.16.0.0/16", true, ["172.16.8.0/24 of late"]],
      ["172.16.8.0/24", false, ["172.16.0.0/16 of hangzhou"]],
    ]);
  });

  it("are those of a CCN alone, and none of what is bound to nothing", () => {
    const { intent } = tutorial();
    const cut = withChanges(intent, [
      change(intent, "ccn", "ccn-corp", { cen: null }),
      change(intent, "instance", "ins-ningbo", { ccn: null }),
      change(intent, "vpc", "vpc-beijing", { cen: null }),
    ]);
    expect(routesOf(cut).map(({ component, prefix }) => [component, prefix])).toEqual([
      ["ccn-corp", "172.16.0.0/16"],
      ["cen-corp", "192.168.0.0/16"],
    ]);
  });
});

const network = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([address, length]) => ({ base: address - (address % 2 ** (32 - length)), length }));

describe("a set of networks", () => {
  it("finds what overlaps as a look at all of them does", () => {
    const near = fc.oneof(
      network,
      fc.nat(40).map((i) => prefixOf(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0"][i % 4])!),
    );
    fc.assert(
      fc.property(
        fc.array(near, { maxLength: 30 }),
        fc.array(fc.nat(30), { maxLength: 10 }),
        near,
        (all, gone, asked) => {
          const set = new PrefixSet();
          let claims = all.map((prefix, i) => ({
            prefix,
            text: `${formatIpv4(prefix.base)}/${prefix.length}`,
            kind: "vpc" as const,
            id: `vpc-${i}`,
            published: true,
          }));
          for (const claim of claims) set.add(claim);
          for (const claim of claims.filter((_, i) => gone.includes(i))) set.remove(claim);
          claims = claims.filter((_, i) => !gone.includes(i));
          const ids = (found: Iterable<{ readonly id: string }>) => [...found].map(({ id }) => id).sort();
          expect(ids(set.overlapping(asked))).toEqual(ids(claims.filter(({ prefix }) => overlap(prefix, asked))));
          expect(set.size).toBe(claims.length);
        },
      ),
    );
  });
});

describe("the directory", () => {
  it("walks to any intent of the family, and is there as if it were new", () => {
    fc.assert(
      fc.property(deeds(25), fc.array(fc.nat(100), { minLength: 1, maxLength: 12 }), (all, visits) => {
        const intents = [EMPTY, ...[...history(all)].map(({ intent }) => intent)];
        for (const visit of visits) {
          const intent = intents[visit % intents.length];
          const walked = directoryOf(intent);
          const fresh = new Directory(intent);
          for (const ccn of intent.ccn.keys()) {
            expect(walked.componentOfCcn(ccn)).toBe(fresh.componentOfCcn(ccn));
            expect(walked.usersOf(ccn, "instance")).toEqual(fresh.usersOf(ccn, "instance"));
          }
          for (const cen of intent.cen.keys()) {
            const texts = (directory: Directory) =>
              directory.networks(cen).map(({ claims }) => claims.map(({ text, id }) => `${text} ${id}`).sort());
            expect(texts(walked)).toEqual(texts(fresh));
          }
          for (const { name, id } of intent.instance.values())
            expect([...walked.named("instance", name)]).toEqual([id]);
          expect([...walked.all("instance")]).toEqual([...fresh.all("instance")]);
        }
      }),
      { numRuns: runs(40) },
    );
  });
});
