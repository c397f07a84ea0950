import { describe, expect, it } from "vitest";
import { currentPassword, newPassword } from "../../../../src/cli/client/passwords.ts";
import { askSecret, confirm } from "../../../../src/cli/client/prompt.ts";
import { fakeTerminal } from "./terminal.ts";

const soon = () => new Promise((resolve) => setImmediate(resolve));

describe("a password", () => {
  it.each([
    ["secret\r", "secret"],
    ["secrex\x7ft\n", "secret"],
    ["wrong\x15secret\r", "secret"],
    ["\x7f\x08secret\x1b\r", "secret"],
    ["caf\u00e9 \u{1f511}\r", "caf\u00e9 \u{1f511}"],
  ])("typed as %j is %j, and is not shown", async (typed, expected) => {
    const terminal = fakeTerminal({}, true);
    const asked = askSecret(terminal, "Password: ", "Give it");
    terminal.type(typed);
    expect(await asked).toBe(expected);
    await soon();
    expect(terminal.written.err).toBe("Password: \n");
    expect(terminal.raw).toEqual([true, false]);
  });

  it.each([["\x03"], ["half\x03"], ["\x04"]])("is given up with %j, and the terminal is put back", async (typed) => {
    const terminal = fakeTerminal({}, true);
    const asked = askSecret(terminal, "Password: ", "Give it");
    terminal.type(typed);
    await expect(asked).rejects.toMatchObject({ code: "interrupted" });
    expect(terminal.raw).toEqual([true, false]);
  });

  it("is unseen before it is asked for", async () => {
    const terminal = fakeTerminal({}, true);
    const order: string[] = [];
    terminal.err.on("data", (text) => order.push(String(text)));
    const input = Object.assign(terminal.input, { setRawMode: (on: boolean) => order.push(`raw ${on}`) });
    const asked = askSecret({ ...terminal, input }, "Password: ", "Give it");
    terminal.type("x\r");
    await asked;
    await soon();
    expect(order).toEqual(["raw true", "Password: ", "raw false", "\n"]);
  });

  it("is not asked for where nobody sits", async () => {
    await expect(askSecret(fakeTerminal(), "Password: ", "Give it")).rejects.toMatchObject({
      code: "no-terminal",
      message: "there is no terminal to ask at: Password",
      next: "Give it",
    });
  });

  it("has a flag of its own for each one that cannot be asked for", async () => {
    const next = (flag: string) => ({ code: "no-terminal", next: expect.stringContaining(`: ${flag} FILE`) });
    await expect(currentPassword(fakeTerminal(), undefined, "eve")).rejects.toMatchObject(next("--password-file"));
    await expect(newPassword(fakeTerminal(), undefined, "eve")).rejects.toMatchObject(next("--new-password-file"));
  });
});

describe("a question", () => {
  it.each([
    ["y\n", true],
    ["YES\n", true],
    ["n\n", false],
    ["\n", false],
    ["yeah\n", false],
  ])("answered with %j is %s", async (typed, expected) => {
    const terminal = fakeTerminal({}, true);
    const asked = confirm(terminal, "Sure?");
    terminal.type(typed);
    expect(await asked).toBe(expected);
  });

  it("that nobody answers is answered no", async () => {
    const terminal = fakeTerminal({}, true);
    const asked = confirm(terminal, "Sure?");
    terminal.input.push(null);
    expect(await asked).toBe(false);
  });
});
