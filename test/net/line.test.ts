/** Two customers' leased lines that end at one host, with the same networks behind them. */
import { beforeAll, describe, expect, it } from "vitest";
import { premises, type RouterProcess } from "./premises.ts";
import { eventually } from "./region.ts";
import { asRoot } from "./root.ts";

const CUSTOMERS = ["a", "b"] as const;

const GATEWAY = `name: {name}
outer: { ipv6: false }
vrfs:
${CUSTOMERS.map((x) => `  - { name: ${x}, addresses: [10.255.0.100] }`).join("\n")}
attachments:
${CUSTOMERS.map(
  (
    x,
  ) => `  - { name: vpc-${x}, vrf: ${x}, tun: { name: vpc${x} }, place: { namespace: "{stem}-v${x}" }, local: [10.100.0.0/24] }
  - name: line-${x}
    vrf: ${x}
    tun: { name: line${x} }
    place: { line: { interface: vbr${x}${x === "a" ? ", nextHop: 192.0.2.2" : ""} } }
    local: [10.1.0.0/24]`,
).join("\n")}
`;

describe.skipIf(!asRoot("leased lines"))("two leased lines with the same prefixes", () => {
  const at = premises();
  let gateway: RouterProcess;

  beforeAll(async () => {
    await at.addSpaces("gw");
    for (const x of CUSTOMERS) {
      await at.addSpaces(`v${x}`, `l${x}`);
      await at.ip(`v${x}`, "address", "add", "10.100.0.1/24", "dev", "lo");
      // One line has a next hop; on the other the prefixes are on the link.
      const [here, there] = x === "a" ? ["192.0.2.1/30", "192.0.2.2/30"] : ["192.0.2.1/30", "10.1.0.2/24"];
      await at.wire(
        { space: "gw", device: `vbr${x}`, addresses: [here] },
        { space: `l${x}`, device: "eth0", addresses: [there] },
      );
    }
    await at.ip("la", "address", "add", "10.1.0.2/24", "dev", "lo");
    await at.ip("la", "route", "add", "10.100.0.0/24", "via", "192.0.2.1", "src", "10.1.0.2");
    await at.ip("lb", "route", "add", "192.0.2.1/32", "dev", "eth0");
    await at.ip("lb", "route", "add", "10.100.0.0/24", "via", "192.0.2.1", "src", "10.1.0.2");
    gateway = at.start("gw", "gateway", GATEWAY);
    await gateway.up();
  });

  it("carry each customer's packets only, both ways", async () => {
    for (const [i, x] of CUSTOMERS.entries()) {
      const other = CUSTOMERS[1 - i];
      const before = { line: await at.echoes(`l${other}`), vpc: await at.echoes(`v${other}`) };
      expect(await at.reaches(`v${x}`, "10.1.0.2")).toBe(true);
      expect(await at.reaches(`l${x}`, "10.100.0.1")).toBe(true);
      expect(await at.echoes(`l${other}`)).toBe(before.line);
      expect(await at.echoes(`v${other}`)).toBe(before.vpc);
    }
  });

  it("let nothing through to other networks of the host", async () => {
    await at.addSpaces("o");
    await at.wire(
      { space: "gw", device: "other", addresses: ["10.77.0.1/24"] },
      { space: "o", device: "eth0", addresses: ["10.77.0.9/24"] },
    );
    await at.ip("la", "route", "add", "10.77.0.0/24", "via", "192.0.2.1", "src", "10.1.0.2");
    expect(await at.reaches("gw", "10.77.0.9")).toBe(true);
    const before = await at.echoes("o");
    expect(await at.reaches("la", "10.77.0.9", 1)).toBe(false);
    expect(await at.echoes("o")).toBe(before);
  });

  it("come back when the interface was down", async () => {
    await at.ip("gw", "link", "set", "vbra", "down");
    await eventually("it is told", async () => {
      const found = (await gateway.status())?.attachments.find(({ name }) => name === "line-a");
      return found?.state === "waiting" && found.reason === "the interface vbra is down";
    });
    expect(await at.reaches("lb", "10.100.0.1")).toBe(true);
    await at.ip("gw", "link", "set", "vbra", "up");
    await at.answered("va", "10.1.0.2");
  });

  it("leave no rule and no route behind, after SIGKILL and a start and an end", async () => {
    const ours = async () => [
      await at.ip("gw", "rule"),
      await at.ip("gw", "route", "show", "table", "all", "proto", "118"),
    ];
    expect((await ours()).join("")).toMatch(/iif vbra lookup 118\d\d[\s\S]*unreachable default/);
    await gateway.end("SIGKILL");
    gateway = at.start("gw", "gateway", GATEWAY);
    await gateway.up();
    const rules = (await ours())[0]!.split("\n").filter((line) => line.includes("iif"));
    expect(rules).toHaveLength(4);
    expect(await at.reaches("lb", "10.100.0.1")).toBe(true);
    await gateway.end();
    expect((await ours()).join("")).not.toMatch(/iif|118/);
  });
});
