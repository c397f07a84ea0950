/** The commands of docs/tutorial.md in their order, against a console in this process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { act, bind } from "../../../../src/cli/act.ts";
import { apply } from "../../../../src/cli/apply.ts";
import { login } from "../../../../src/cli/login.ts";
import { ready } from "../../../../src/cli/ready.ts";
import { routes } from "../../../../src/cli/watch.ts";
import { create, update } from "../../../../src/cli/write.ts";
import { type OpenConsole, openConsole } from "../../../../src/console/console.ts";
import { CHEAP } from "../../console/auth/site.ts";
import { type FakeTerminal, fakeTerminal } from "../client/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-tutorial-"));
const env = { VCPE_CREDENTIALS: join(folder, "credentials.json"), HOME: folder };
const page = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), "utf8");
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, block]) => block);
const written = (name: string, text: string) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const openSite = () =>
  openConsole({
    folder: join(folder, "console"),
    listen: { host: "127.0.0.1", port: 0 },
    names: [],
    http: true,
    cost: CHEAP,
    log: { level: "info", debug() {}, info() {}, warn() {}, error() {} },
  } as Parameters<typeof openConsole>[0]);
let site: OpenConsole;

beforeAll(async () => {
  site = await openSite();
  await login(fakeTerminal(env), {
    console: site.url,
    user: "admin",
    passwordFile: written("once", `${site.firstPassword}\n`),
    newPasswordFile: written("password", "a few plain words\n"),
  });
});
afterAll(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

/** What one command writes. What is done at a branch is left out here: the lab does it. */
async function type(line: string): Promise<string> {
  const [program, command, ...words] = line.split(" ");
  if (program !== "vcpe" || command === "join") return "";
  const terminal: FakeTerminal = fakeTerminal(env);
  if (command === "create") await create(terminal, words);
  else if (command === "update") await update(terminal, words);
  else if (command === "activate") await act(terminal, "activate", words[0], words[1], {});
  else if (command === "bind") await bind(terminal, "bind", [words[0], words[1], words[2], words[3]], {});
  else if (command === "ready") expect(await ready(terminal, words[0], { timeout: "0s" })).toBe(1);
  else if (command === "routes") await routes(terminal, { cen: words[1] });
  else if (command === "apply")
    await apply(terminal, { file: join(folder, words[1]), dryRun: words.includes("--dry-run") });
  else throw new Error(`no test for: ${line}`);
  await new Promise((resolve) => setImmediate(resolve));
  return terminal.written.out;
}

it("does what the tutorial says, by commands and by files", async () => {
  const text = page("tutorial.md");
  const [cloud, branches] = blocks(text, "yaml");
  written("cloud.yaml", cloud);
  written("branches.yaml", branches);
  const said: string[] = [];
  for (const line of blocks(text, "sh").flatMap((block) => block.trim().split("\n"))) said.push(await type(line));
  const all = said.join("");
  expect(all).toMatch(/^device vcpe\w{12} {2}active of hangzhou-branch {2}key /m);
  expect(all).toContain("instance hangzhou-branch activated\n");
  expect(all).toContain("ccn corp-ccn bound to cen corp\n");
  // The table is in the page as it is here.
  const table = said.find((one) => one.startsWith("PREFIX"))!;
  expect(text).toContain(table.trim());
  // The file says what the commands did: but for the rules nothing is new.
  expect(said.at(-1)).toBe("+ rule branches-to-shanghai created\n+ rule branches-to-beijing created\n3 unchanged\n");
  expect(await type("vcpe apply -f branches.yaml")).toBe("5 unchanged\n");
});
