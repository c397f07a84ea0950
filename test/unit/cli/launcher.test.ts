import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const launcher = new URL("../../../vcpe", import.meta.url).pathname;
const platform = process.arch === "arm64" ? "linux-arm64" : "linux-x64";

/** A repository with a stand-in for npm: it notes what it is asked for, takes its time, and makes what npm would make. */
let root: string;
let tools: string;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "vcpe-launcher-"));
  root = join(folder, "a repository");
  tools = join(folder, "tools");
  for (const path of [root, tools, join(root, "src"), join(root, "assembly")]) mkdirSync(path);
  copyFileSync(launcher, join(root, "vcpe"));
  chmodSync(join(root, "vcpe"), 0o755);
  for (const file of [
    "package.json",
    "package-lock.json",
    "asconfig.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "src/a.ts",
  ]) {
    writeFileSync(join(root, file), "");
    age(file);
  }
  for (const path of ["src", "assembly"]) age(path);
  program(
    "npm",
    `[ "$1" = --version ] && { echo "\${NPM_VERSION:-11.0.0}"; exit; }
echo "$*" >>"${folder}/asked"
echo "npm speaks"
sleep 0.2
case "$*" in
  ci*)
    mkdir -p node_modules/node-${platform}/bin
    printf '#!/bin/sh\\necho "node $*"\\n' >node_modules/node-${platform}/bin/node
    chmod +x node_modules/node-${platform}/bin/node
    : >node_modules/.package-lock.json ;;
  *build:wasm) mkdir -p build; : >build/vcpe.wasm ;;
  *build:ts) [ -z "\${BREAK:-}" ] || exit 1; mkdir -p dist/src/cli; : >dist/src/cli/main.js ;;
esac`,
  );
});
afterEach(() => rmSync(join(root, ".."), { recursive: true }));

function program(name: string, text: string): void {
  writeFileSync(join(tools, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

/** Sets the time of a file to a minute ago, so that what is made now is newer. */
function age(file: string): void {
  const then = new Date(Date.now() - 60_000);
  utimesSync(join(root, file), then, then);
}

/** A minute from now: newer than anything that was made. */
function touch(file: string): void {
  const then = new Date(Date.now() + 60_000);
  utimesSync(join(root, file), then, then);
}

/** A folder with the few programs that the launcher needs, and these. */
function bare(...more: string[]): string {
  const folder = join(root, "../bin");
  mkdirSync(folder);
  for (const name of [
    "sh",
    "uname",
    "dirname",
    "readlink",
    "find",
    "head",
    "mkdir",
    "cut",
    "cat",
    "rm",
    "mv",
    "sleep",
    ...more,
  ]) {
    symlinkSync(spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim(), join(folder, name));
  }
  return folder;
}

const environment = (more: Record<string, string> = {}) => ({
  ...process.env,
  PATH: `${tools}:/usr/bin:/bin`,
  ...more,
});

function start(args: string[] = [], options: { path?: string; cwd?: string; env?: Record<string, string> } = {}) {
  const run = spawnSync(options.path ?? join(root, "vcpe"), args, {
    encoding: "utf8",
    cwd: options.cwd ?? "/",
    env: environment(options.env),
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

function asked(): string[] {
  try {
    return readFileSync(join(root, "../asked"), "utf8").trim().split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

const ALL = [
  "ci --include=dev --include=optional --no-audit --no-fund --loglevel=error",
  "run --silent build:wasm",
  "run --silent build:ts",
];

describe("the launcher", () => {
  it("installs and builds on first use, says so on standard error, and becomes the pinned Node.js", () => {
    const { code, out, err } = start(["status", "--json", "two words"]);
    expect(code).toBe(0);
    expect(out).toBe(`node ${root}/dist/src/cli/main.js status --json two words\n`);
    expect(err).toContain("vcpe: installing dependencies (npm ci)");
    expect(err).toContain("vcpe: building the WebAssembly fast path");
    expect(err).toContain("npm speaks");
    expect(asked()).toEqual(ALL);
  });

  it("does nothing of that the second time", () => {
    start();
    // The quickest of a few: a machine that is busy may hold any of them up, and only one that does too much is never quick.
    const took = Array.from({ length: 5 }, () => {
      const begun = performance.now();
      expect(start().err).toBe("");
      return performance.now() - begun;
    });
    expect(Math.min(...took)).toBeLessThan(1000);
    expect(asked()).toEqual(ALL);
  });

  it("builds again when a source is newer, or gone", () => {
    start();
    touch("src/a.ts");
    start();
    expect(asked()).toEqual([...ALL, ...ALL.slice(1)]);
    age("src/a.ts");
    rmSync(join(root, "src/a.ts"));
    touch("src");
    start();
    expect(asked()).toEqual([...ALL, ...ALL.slice(1), ...ALL.slice(1)]);
  });

  it("installs again when the lock file is newer", () => {
    start();
    touch("package-lock.json");
    start();
    expect(asked().filter((line) => line.startsWith("ci"))).toHaveLength(2);
  });

  it("works through symbolic links, absolute and relative, from any folder", () => {
    start();
    const link = join(tools, "vcpe");
    const second = join(tools, "second");
    symlinkSync(join(root, "vcpe"), link);
    symlinkSync("./vcpe", second);
    for (const path of [link, second]) {
      expect(start(["version"], { path, cwd: tools }).out).toBe(`node ${root}/dist/src/cli/main.js version\n`);
    }
  });

  it("prepares once when several start at the same time", async () => {
    const starts = Array.from({ length: 4 }, () => {
      const child = spawn(join(root, "vcpe"), [], { env: environment(), stdio: "ignore" });
      return new Promise((resolve) => child.on("exit", resolve));
    });
    expect(await Promise.all(starts)).toEqual([0, 0, 0, 0]);
    expect(asked()).toEqual(ALL);
  });

  describe("without flock", () => {
    let PATH: string;
    const lock = () => join(root, "build/.lock.pid");
    const starts = (slow: readonly string[]) =>
      Promise.all(
        slow.map((SLOW) => {
          const child = spawn(join(root, "vcpe"), [], { env: environment({ PATH, SLOW }), stdio: "ignore" });
          return new Promise((resolve) => child.on("exit", resolve));
        }),
      );

    /** A start had the lock and was killed. */
    beforeEach(() => {
      PATH = bare("chmod", "ln");
      copyFileSync(join(tools, "npm"), join(PATH, "npm"));
      mkdirSync(join(root, "build"));
      symlinkSync(String(spawnSync("true").pid), lock());
    });

    it("does so too, and takes over from a start that was killed", async () => {
      expect(await starts(["0", "0", "0"])).toEqual([0, 0, 0]);
      expect(asked()).toEqual(ALL);
      expect(readdirSync(join(root, "build")).filter((name) => name.startsWith(".lock"))).toEqual([]);
    });

    it("does not take over from the one that has taken over meanwhile", async () => {
      // Both have seen by then that the owner is gone.
      const real = readlinkSync(join(PATH, "mv"));
      rmSync(join(PATH, "mv"));
      writeFileSync(join(PATH, "mv"), `#!/bin/sh\nsleep "$SLOW"\nexec ${real} "$@"\n`, { mode: 0o755 });
      expect(await starts(["0.2", "0.6"])).toEqual([0, 0]);
      expect(asked()).toEqual(ALL);
    });
  });

  it("tries again after a build that failed", () => {
    const { code, err, out } = start([], { env: { BREAK: "1" } });
    expect(code).toBe(69);
    expect(out).toBe("");
    expect(err).toContain("the build of src/ failed");
    expect(start().code).toBe(0);
  });

  it("asks for npm when it is missing or too old", () => {
    const old = start([], { env: { NPM_VERSION: "9.8.1" } });
    expect(old.code).toBe(69);
    expect(old.err).toContain("npm 9 is too old");
    rmSync(join(tools, "npm"));
    const none = start([], { env: { PATH: bare("flock") } });
    expect(none.code).toBe(69);
    expect(none.err).toContain("npm is needed");
  });

  it("says when this machine's Node.js was left out", () => {
    program(
      "npm",
      '[ "$1" = --version ] && { echo 11.0.0; exit; }\nmkdir -p node_modules; : >node_modules/.package-lock.json',
    );
    const { code, err } = start();
    expect(code).toBe(69);
    expect(err).toContain(`package node-${platform}`);
  });

  it("knows where it cannot run", () => {
    program("uname", '[ "$1" = -s ] && echo Linux || echo riscv64');
    const { code, err } = start();
    expect(code).toBe(69);
    expect(err).toContain("this is Linux on riscv64");
  });
});
