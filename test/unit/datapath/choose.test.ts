import { expect, test } from "vitest";
import { type Contest, chooseEngines, nativeFrom } from "../../../src/datapath/choose.ts";
import { loadModule } from "../../../src/datapath/module.ts";
import type { Cipher, Engine } from "../../../src/datapath/plane.ts";
import { Trial } from "../../../src/datapath/trial.ts";
import { libcrypto } from "../../../src/linux/ffi.ts";

const CIPHERS = ["chacha20poly1305", "aes128gcm16", "aes256gcm16"] as const;

/** A contest with a fixed outcome, and what was asked of it. */
function contest(wrong: readonly Engine[], nanoseconds: Record<Engine, number>) {
  const warmed: string[] = [];
  const rules: Contest = {
    answers: (_, engine) => !wrong.includes(engine),
    time: (_, engine) => nanoseconds[engine],
    warm: (cipher, engine) => warmed.push(`${cipher} ${engine}`),
  };
  return { rules, warmed };
}
const all = (engine: Engine) => ({ chacha20poly1305: engine, aes128gcm16: engine, aes256gcm16: engine });
const NATIVE_WINS = { wasm: 2000, native: 500 };
const WASM_WINS = { wasm: 500, native: 2000 };

test("the quicker of those that are right", () => {
  expect(chooseEngines(contest([], NATIVE_WINS).rules)).toEqual(all("native"));
  expect(chooseEngines(contest([], WASM_WINS).rules)).toEqual(all("wasm"));
  expect(chooseEngines(contest(["native"], NATIVE_WINS).rules)).toEqual(all("wasm"));
  expect(chooseEngines(contest(["wasm"], WASM_WINS).rules)).toEqual(all("native"));
});

test("the configuration's word counts, unless that engine is wrong or absent", () => {
  const wishes = { chacha20poly1305: "native", aes128gcm16: "wasm", aes256gcm16: "auto" } as const;
  expect(chooseEngines(contest([], NATIVE_WINS).rules, wishes)).toEqual({
    chacha20poly1305: "native",
    aes128gcm16: "wasm",
    aes256gcm16: "native",
  });
  expect(chooseEngines(contest(["native"], NATIVE_WINS).rules, wishes)).toEqual(all("wasm"));
});

test("whatever is taken has been warmed up", () => {
  const { rules, warmed } = contest([], WASM_WINS);
  chooseEngines(rules, { aes128gcm16: "native" });
  expect(warmed).toContain("aes128gcm16 native");
  expect(warmed).not.toContain("aes128gcm16 wasm");
  expect(warmed).toContain("chacha20poly1305 wasm");
});

test("where the native engine wins, it does so from the length on at which it is no slower", () => {
  /** WASM: by the byte; native: the same whatever the length. */
  const rules = (native: number): Contest => ({
    answers: () => true,
    time: (_, engine, __, length = 800) => (engine === "wasm" ? 2 * length : native),
    warm: () => {},
  });
  const from = (native: number) => nativeFrom(rules(native), all("native"));
  expect(from(100)).toEqual({ chacha20poly1305: 0, aes128gcm16: 0, aes256gcm16: 0 });
  expect(from(400).aes128gcm16).toBe(256);
  expect(from(512).aes128gcm16).toBe(256);
  // However long that may be on a strange machine, it stays in bounds.
  expect(from(1e9).aes128gcm16).toBe(512);
  expect(nativeFrom(rules(400), { ...all("wasm"), aes256gcm16: "native" })).toEqual({
    chacha20poly1305: 0,
    aes128gcm16: 0,
    aes256gcm16: 256,
  });
  // The configuration's word is for all lengths; and a WASM engine that is wrong gets none.
  expect(nativeFrom(rules(400), all("native"), { aes128gcm16: "native" }).aes128gcm16).toBe(0);
  const wrong = { ...rules(400), answers: (_: unknown, engine: Engine) => engine === "native" };
  expect(nativeFrom(wrong, all("native")).aes256gcm16).toBe(0);
});

test("with no engine that is right there is no datapath", () => {
  const { rules } = contest(["wasm", "native"], WASM_WINS);
  expect(() => chooseEngines(rules)).toThrow(expect.objectContaining({ code: "engine" }));
});

test.each(["relaxed", "plain"] as const)("the real engines give the known answers, build %s", (build) => {
  const trial = new Trial(loadModule(build));
  for (const cipher of CIPHERS) {
    expect(trial.answers(cipher, "wasm")).toBe(true);
    expect(trial.answers(cipher, "native")).toBe(true);
    expect(trial.time(cipher, "wasm", 1)).toBeGreaterThan(0);
  }
  trial.close();
});

test("without a libcrypto the native engine has no answer", () => {
  const trial = new Trial(loadModule(), null);
  for (const cipher of CIPHERS) expect(trial.answers(cipher, "native")).toBe(false);
  expect(chooseEngines(trial)).toEqual(all("wasm"));
});

test.each([
  ["seals wrongly", { final: () => 0 }],
  ["gives another tag", { control: () => 1 }],
  ["takes any tag", { final: () => 1 }],
  ["has no memory", { newContext: () => 0 }],
  ["does not know the ciphers", { fetch: () => 0 }],
])("a libcrypto that %s is not taken", (_, fault) => {
  const trial = new Trial(loadModule(), { ...libcrypto()!, ...fault });
  for (const cipher of CIPHERS as readonly Cipher[]) expect(trial.answers(cipher, "native")).toBe(false);
  trial.close();
});
