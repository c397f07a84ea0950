import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "../../../src/router/config/read.ts";
import { changed, messages, problems, show } from "./configproblems.ts";
import { BRANCH, PSK, parse } from "./configuration.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-secret-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("pre-shared keys", () => {
  const file = join(folder, "psk");
  const withFile = changed("{ env: PSK }", `{ file: ${file} }`);

  it("come from a file, without the line end", () => {
    writeFileSync(file, `${PSK}\n`, { mode: 0o600 });
    expect(new TextDecoder().decode(parse(withFile).secrets.get("to-gateway"))).toBe(PSK);
    expect(problems(withFile)).toEqual([]);
  });

  it("in a file that everybody may read bring a warning", () => {
    chmodSync(file, 0o644);
    expect(problems(withFile)).toEqual(["13:26 warning secret-exposed tunnels[0].auth.psk.file"]);
    expect(messages(withFile)).toContain(`chmod 600 ${file}`);
  });

  it("may be hexadecimal", () => {
    const { secrets } = parse(BRANCH, { PSK: "0x000102030405060708090a0b0c0d0e0f" });
    expect([...secrets.get("to-gateway")!]).toEqual([...Array(16).keys()]);
    expect(problems(BRANCH, { PSK: "0x123" })).toEqual(["13:18 error secret-invalid tunnels[0].auth.psk"]);
  });

  it("that are missing, empty or short are told", () => {
    expect(problems(BRANCH, {})).toEqual(["13:25 error secret-unreadable tunnels[0].auth.psk.env"]);
    expect(problems(BRANCH, { PSK: "" })).toEqual(["13:18 error secret-invalid tunnels[0].auth.psk"]);
    expect(problems(BRANCH, { PSK: "short" })).toEqual(["13:18 warning secret-short tunnels[0].auth.psk"]);
    expect(problems(changed("{ env: PSK }", "{ file: none }"))).toEqual([
      "13:26 error secret-unreadable tunnels[0].auth.psk.file",
    ]);
  });

  it("written into a file that everybody may read bring a warning", () => {
    const path = join(folder, "router.yaml");
    writeFileSync(path, changed("{ env: PSK }", `{ value: "${PSK}" }`), { mode: 0o644 });
    const { warnings } = readConfig(path);
    expect(warnings.map(show)).toEqual(["13:27 warning secret-exposed tunnels[0].auth.psk.value"]);
    chmodSync(path, 0o600);
    expect(readConfig(path).warnings).toEqual([]);
    expect(() => readConfig(join(folder, "absent.yaml"))).toThrow(/absent\.yaml: cannot be read \(ENOENT\)/);
  });
});
