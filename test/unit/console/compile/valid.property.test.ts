import fc from "fast-check";
import Value from "typebox/value";
import { describe, expect, it } from "vitest";
import { partFault } from "../../../../src/agent/check.ts";
import { compile } from "../../../../src/console/compile/compile.ts";
import { assemble } from "../../../../src/protocol/parts.ts";
import { RouterConfig } from "../../../../src/router/config/config.ts";
import { registerFormats } from "../../../../src/router/config/formats.ts";
import { checkRules } from "../../../../src/router/config/rules.ts";
import type { RouterFile } from "../../../../src/router/config/schema.ts";
import { disassemble } from "../../protocol/parts.ts";
import { history } from "../deeds.ts";
import { deeds } from "../dice.ts";
import { runs, until } from "../until.ts";

registerFormats();

/** What of a configuration can be written in a file, so that the router's own rules can be asked. */
function fileOf({ name, outer, vrfs, tunnels }: RouterConfig): RouterFile {
  return {
    name,
    outer: { ...outer, ipv4: outer.ipv4 ?? false, ipv6: outer.ipv6 ?? false },
    vrfs: vrfs.map(({ tun, addresses, local, ...rest }) => ({
      ...rest,
      addresses: [...addresses],
      local: [...local],
      ...(tun ? { tun: { name: tun.name, mtu: tun.mtu } } : {}),
    })),
    tunnels: tunnels.map(({ name, vrf, peer, local, start, children, routes }) => ({
      name,
      vrf,
      peer: { address: peer.address ?? "any", port: peer.port, id: peer.identity.value },
      local: { id: local.identity.value },
      auth: { psk: { env: "NONE" } },
      start,
      children: children.map((child) => ({ name: child.name, local: [...child.local], remote: [...child.remote] })),
      routes: routes.map((route) => ({ ...route })),
    })),
  };
}

const unique = (texts: readonly string[]) => expect(new Set(texts).size).toBe(texts.length);

describe("every configuration", { timeout: runs(30_000) }, () => {
  it("keeps the schema and the rules of the router", () => {
    let seen = 0;
    until(
      () => seen > 40,
      () =>
        fc.assert(
          fc.property(deeds(40), (all) => {
            const { intent } = [...history(all)].at(-1)!;
            for (const [id, parts] of compile(intent)) {
              const config = assemble(parts, null);
              const [error] = Value.Errors(RouterConfig, config);
              expect(error && `${error.instancePath} ${error.message}`).toBeUndefined();
              expect(config.name).toBe(id);
              expect(assemble(disassemble(config), null)).toEqual(config);
              for (const [key, part] of parts) expect([key, partFault(key, part)]).toEqual([key, undefined]);
              const wrong = checkRules(fileOf(config)).filter(({ severity }) => severity === "error");
              expect(wrong.map(({ message }) => message)).toEqual([]);

              const { vrfs, attachments, filters } = config;
              unique([...vrfs.flatMap(({ tun }) => tun?.name ?? []), ...attachments.map(({ tun }) => tun.name)]);
              unique([...vrfs, ...attachments].map(({ name }) => name));
              for (const { vrf } of attachments) expect(vrfs.map(({ name }) => name)).toContain(vrf);
              expect(filters.map(({ name }) => name)).toEqual(attachments.flatMap(({ filter }) => filter ?? []));
              seen++;
            }
          }),
          { numRuns: runs(40) },
        ),
    );
  });
});
