/** Every command for every kind that it is for. */
import { expect, it } from "vitest";
import { act, bind } from "../../../../src/cli/act.ts";
import { get } from "../../../../src/cli/get.ts";
import { create, remove, update } from "../../../../src/cli/write.ts";
import { KINDS } from "../../../../src/console/model/references.ts";
import type { Kind } from "../../../../src/console/model/resources.ts";
import { firstLogin, run, words } from "./commandrig.ts";

/** In the order in which they can be made. */
const FLAGS: readonly (readonly [Kind, string])[] = [
  ["area", ""],
  ["access-point", "--area it-area --region east --ipv4 198.51.100.1 --line-interfaces eth1 --vpc-namespaces it"],
  ["cen", "--area it-area"],
  ["ccn", "--area it-area"],
  ["instance", "--area it-area --peak-bandwidth 2 --cidrs 172.16.0.0/16"],
  ["vpc", "--access-point it-access-point --cidr 10.0.0.0/16 --place namespace:it"],
  ["vbr", "--access-point it-access-point --interface eth1 --prefixes 192.168.0.0/16"],
  ["security-group", "--vpc it-vpc"],
  [
    "rule",
    "--security-group it-security-group --direction ingress --policy accept --protocol all --cidr 172.16.0.0/16",
  ],
];

const BINDINGS = [
  ["instance", "ccn"],
  ["ccn", "cen"],
  ["vpc", "cen"],
  ["vbr", "cen"],
] as const;

const shown = async (kind: Kind) => JSON.parse((await run((t) => get(t, kind, `it-${kind}`, { json: true }))).out);

it("create, get, update, bind, unbind, lock, unlock and delete", async () => {
  await firstLogin();
  expect([...FLAGS.map(([kind]) => kind), "device"].sort()).toEqual([...KINDS].sort());
  for (const [kind, flags] of FLAGS) {
    const typed = words(`${kind} it-${kind}${flags === "" ? "" : ` ${flags}`}`);
    expect((await run((t) => create(t, [...typed, "--dry-run"]))).out, kind).toContain("would be created");
    await expect(shown(kind)).rejects.toMatchObject({ code: "not-found" });
    expect((await run((t) => create(t, typed))).out, kind).toContain(`${kind} it-${kind} created`);
    expect((await run((t) => get(t, `${kind}s`, undefined, {}))).out, kind).toContain(`it-${kind}`);
    expect((await run((t) => update(t, words(`${kind} it-${kind} --description new`)))).out, kind).toContain("new");
    expect((await shown(kind)).description, kind).toBe("new");
  }
  for (const [kind, to] of BINDINGS) {
    const asked = [kind, `it-${kind}`, to, `it-${to}`] as const;
    expect((await run((t) => bind(t, "bind", asked, {}))).out).toBe(`${kind} it-${kind} bound to ${to} it-${to}\n`);
    expect((await shown(kind))[to], kind).toMatch(new RegExp(`^${to}-`));
  }
  for (const [word, locked] of [
    ["lock", true],
    ["unlock", false],
  ] as const) {
    expect((await run((t) => act(t, word, "instance", "it-instance", {}))).out).toContain(`${word}ed`);
    expect((await shown("instance")).locked).toBe(locked);
  }
  await expect(run((t) => remove(t, "cen", "it-cen", {}))).rejects.toMatchObject({ status: 409 });
  for (const [kind, to] of BINDINGS) {
    await run((t) => bind(t, "unbind", [kind, `it-${kind}`], {}));
    expect((await shown(kind))[to], kind).toBeNull();
  }
  for (const [kind] of FLAGS.toReversed()) {
    expect((await run((t) => remove(t, kind, `it-${kind}`, {}))).out, kind).toBe(`${kind} it-${kind} deleted\n`);
    await expect(shown(kind)).rejects.toMatchObject({ code: "not-found" });
  }
});
