/** The folder of the authority: mode 0700, every file 0600, all of the user that runs the console; written whole or not at all. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, writeDurably } from "../../router/durable.ts";
import { AuthorityError } from "./error.ts";

export interface Folder {
  /** Undefined: there is no such file. @throws AuthorityError ca-folder: others may read it. */
  read(name: string): string | undefined;
  write(name: string, text: string): void;
}

/** Makes the folder at the first start. @throws AuthorityError ca-folder */
export function openFolder(path: string): Folder {
  attempt(path, () => makeFolder(path, 0o700));
  demandPrivate(path, 0o700);
  return {
    read(name) {
      const file = join(path, name);
      let text: string;
      try {
        text = readFileSync(file, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw unusable(file, error);
      }
      demandPrivate(file, 0o600);
      return text;
    },
    write: (name, text) => attempt(join(path, name), () => writeDurably(join(path, name), text)),
  };
}

function demandPrivate(path: string, mode: 0o600 | 0o700): void {
  const found = attempt(path, () => statSync(path));
  if ((found.mode & 0o077) !== 0) {
    throw new AuthorityError(
      "ca-folder",
      `Other users may open ${path}, which holds keys of the console`,
      `If nobody has, run: chmod ${mode.toString(8)} ${path}; else begin with a fresh folder and enrol the devices again`,
    );
  }
  const self = process.getuid?.() ?? found.uid;
  if (found.uid !== self) {
    throw new AuthorityError("ca-folder", `${path} belongs to another user`, "Run the console as that user");
  }
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): AuthorityError {
  const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return new AuthorityError(
    "ca-folder",
    `${path} cannot be used (${reason})`,
    "Check the path, its owner and the disk",
  );
}
