/** The commands of docs/operate.md, "Resources", in their order, against a console in this process. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type Act, act, bind } from "../../../../src/cli/act.ts";
import { apply } from "../../../../src/cli/apply.ts";
import { get } from "../../../../src/cli/get.ts";
import { create, remove, update } from "../../../../src/cli/write.ts";
import { fakeTerminal } from "../client/terminal.ts";
import { env, file, firstLogin, run, words } from "./commandrig.ts";

const page = readFileSync(new URL("../../../../docs/operate.md", import.meta.url), "utf8");
const block = /^## Resources$.*?^```sh\n(.*?)^```$/ms.exec(page)![1]!;

/** Serial number of the standby that the page gives a new key and another host. */
let standby = "";

async function type(line: string): Promise<string> {
  const [, command = "", ...rest] = line.split(/\s+/).map((word) => word.replace(/^vcpe4k2m9x0qzt1a$/, standby));
  const [kind = "", name = "", to, target] = rest;
  const flag = (word: string) => rest.flatMap((one, i) => (one === word ? [rest[i + 1]!] : []));
  const filter = flag("--filter");
  const done = await run(async (terminal) => {
    if (command === "create") await create(terminal, rest);
    else if (command === "update") await update(terminal, rest);
    else if (command === "get")
      await get(terminal, kind, filter.length > 0 ? undefined : name || undefined, filter.length > 0 ? { filter } : {});
    else if (command === "bind" || command === "unbind") await bind(terminal, command, [kind, name, to, target], {});
    else if (command === "delete") await remove(terminal, kind, name, {});
    else await act(terminal, command as Act, kind, name, {});
  });
  return done.out;
}

it("does what the page says", async () => {
  await firstLogin();
  const lines = block.trim().split("\n");
  expect(lines.length).toBeGreaterThan(15);
  for (const line of lines) {
    const command = line.replace(/\s+#.*$/, "");
    expect(await type(command), line).not.toBe("");
    // The page binds to a CCN that the operator has.
    if (command === "vcpe create area east") await run((t) => create(t, words("ccn corp --area east")));
    if (command.startsWith("vcpe create instance hangzhou")) standby = await serialOf("hangzhou");
  }
});

it("names ten routers that an apply concerns, and counts the rest", async () => {
  const entry = (_: unknown, i: number) =>
    `  - { name: many-${i}, area: east, peakBandwidth: 2, cidrs: [10.77.${i}.0/24], ccn: corp, activated: true }\n`;
  const site = file("many.yaml", `instances:\n${Array.from({ length: 8 }, entry).join("")}`);
  const { err } = await run((t) => apply(t, { file: site }));
  expect(err).toMatch(/^routers concerned: ([^,\n]+, ){10}and \d+ more$/m);
});

async function serialOf(instance: string): Promise<string> {
  const terminal = fakeTerminal(env);
  await get(terminal, "devices", undefined, { filter: [`instance=${instance}`], json: true });
  await new Promise((resolve) => setImmediate(resolve));
  const devices = JSON.parse(terminal.written.out) as { name: string; role: string }[];
  return devices.find(({ role }) => role === "standby")!.name;
}
