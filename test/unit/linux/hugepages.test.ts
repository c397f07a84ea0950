import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hostAddress } from "../../../src/linux/ffi.ts";
import { adviseHugePages, HUGE_PAGE, hugePageSetting } from "../../../src/linux/hugepages.ts";

const folder = mkdtempSync(join(tmpdir(), "vcpe-huge-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("huge pages", () => {
  it("reads the kernel's setting", () => {
    const file = join(folder, "enabled");
    for (const [text, setting] of [
      ["[always] madvise never\n", "always"],
      ["always [madvise] never\n", "madvise"],
      ["always madvise [never]\n", "never"],
      ["something else\n", "none"],
    ] as const) {
      writeFileSync(file, text);
      expect(hugePageSetting(file)).toBe(setting);
    }
    expect(hugePageSetting(join(folder, "absent"))).toBe("none");
  });

  it("says why there are none", () => {
    expect(adviseHugePages(0, 0, "never")).toMatch(/^off: .*says never$/);
    expect(adviseHugePages(0, 0, "none")).toBe("off: this kernel has none");
  });

  it("takes only what holds a whole huge page, and keeps what lies there", () => {
    const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
    const bytes = new Uint8Array(memory.buffer);
    const host = hostAddress(bytes);
    expect(adviseHugePages(host + 1, host + HUGE_PAGE - 1, "madvise")).toBe("on");
    bytes.fill(7, 0, 5 * HUGE_PAGE);
    if (["never", "none"].includes(hugePageSetting())) return;
    expect(adviseHugePages(host, host + bytes.length)).toBe("on");
    bytes.fill(7, 5 * HUGE_PAGE);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
  });

  it("names the error where the kernel refuses", () => {
    // Nothing is mapped there.
    expect(adviseHugePages(HUGE_PAGE * 2 ** 26, HUGE_PAGE * (2 ** 26 + 2), "madvise")).toMatch(
      /^off: the kernel refused it \(errno \d+\)$/,
    );
  });
});
