/** Where a password comes from: a file, the environment, or a person; never the command line, which every user of the machine can read. */
import { readFileSync, statSync } from "node:fs";
import { ClientError } from "./error.ts";
import { askSecret } from "./prompt.ts";
import { note, type Terminal } from "./terminal.ts";

/** First line of the file. @throws ClientError password-file */
function readPasswordFile(terminal: Terminal, file: string): string {
  try {
    if (file !== "-" && (statSync(file).mode & 0o077) !== 0)
      note(terminal, `warning: others may read ${file}; run: chmod 600 ${file}`);
    const [line] = readFileSync(file === "-" ? 0 : file, "utf8").split(/\r?\n/);
    if (line !== "") return line;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ClientError("failed", "password-file", `${file} cannot be read (${code})`, "Check the path");
  }
  throw new ClientError("failed", "password-file", `the first line of ${file} is empty`, "Write the password there");
}

/** @throws ClientError no-terminal, interrupted, password-file */
export async function currentPassword(terminal: Terminal, file: string | undefined, user: string): Promise<string> {
  if (file !== undefined) return readPasswordFile(terminal, file);
  const otherwise = "Give it in a file: --password-file FILE, or in the variable VCPE_PASSWORD";
  return terminal.env.VCPE_PASSWORD || (await askSecret(terminal, `Password of ${user}: `, otherwise));
}

/** Asked for twice. @throws ClientError no-terminal, interrupted, password-file, password-differs */
export async function newPassword(terminal: Terminal, file: string | undefined, user: string): Promise<string> {
  if (file !== undefined) return readPasswordFile(terminal, file);
  const otherwise = "Give it in a file: --new-password-file FILE";
  const password = await askSecret(terminal, `New password of ${user}: `, otherwise);
  if ((await askSecret(terminal, "Once more: ", otherwise)) === password) return password;
  throw new ClientError("failed", "password-differs", "the two are not the same", "Nothing was changed; run it again");
}
