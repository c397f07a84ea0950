import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const MODULE = new URL("../../../src/datapath/module.ts", import.meta.url).pathname;

/** What V8 has made of functions, by its own account: --allow-natives-syntax gives the questions. */
const SOURCE = `
  import { setTimeout } from "node:timers/promises";
  import { loadModule } from ${JSON.stringify(MODULE)};
  const fast = new WebAssembly.Instance(loadModule(), {
    env: { memory: new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: true }) },
  });
  // (module (func (export "other")))
  const bytes = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 9, 1, 5, 111, 116, 104, 101, 114, 0, 0, 10, 4, 1, 2, 0, 11);
  const { other } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  const lazy = %IsUncompiledWasmFunction(other);
  const road = Object.values(fast.exports).filter((one) => typeof one === "function");
  for (let i = 0; i < 2000 && !road.every((one) => %IsTurboFanFunction(one)); i++) await setTimeout(20);
  console.log(JSON.stringify({ road: road.length, optimised: road.filter((one) => %IsTurboFanFunction(one)).length, lazy }));
`;

test("all of the fast path is optimised before it has run; another module of the process is compiled when it is called", () => {
  const argv = ["--allow-natives-syntax", "--input-type=module", "-e", SOURCE];
  const { road, optimised, lazy } = JSON.parse(execFileSync(process.execPath, argv, { encoding: "utf8" })) as {
    readonly road: number;
    readonly optimised: number;
    readonly lazy: boolean;
  };
  expect(road).toBeGreaterThan(15);
  expect(optimised).toBe(road);
  expect(lazy).toBe(true);
}, 90_000);
