/** Users of the console, as rows of its database. */
import type { DatabaseSync } from "node:sqlite";
import { ConsoleError } from "../error.ts";
import { inTransaction } from "../store/database.ts";
import type { Role } from "./author.ts";

export interface User {
  readonly name: string;
  readonly role: Role;
  readonly disabled: boolean;
  /** The password is a one-time password: nothing can be done before it is changed. */
  readonly mustChange: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly created: number;
  readonly lastLogin: number | null;
}

interface Row {
  readonly name: string;
  readonly role: Role;
  readonly password: string;
  readonly disabled: number;
  readonly must_change: number;
  readonly created: number;
  readonly last_login: number | null;
}

/** Users at most: enough for everyone, and a list is one page. */
const MOST = 1000;

export class Users {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  count(): number {
    return (this.#database.prepare("SELECT count(*) AS n FROM user").get() as { n: number }).n;
  }

  list(): User[] {
    return (this.#database.prepare("SELECT * FROM user ORDER BY name").all() as unknown as Row[]).map(userOf);
  }

  find(name: string): User | undefined {
    const row = this.#row(name);
    return row && userOf(row);
  }

  /** @throws ConsoleError not-found */
  get(name: string): User {
    const user = this.find(name);
    if (user) return user;
    throw new ConsoleError(404, "not-found", `There is no user "${name}"`, "See all users: GET /v1/users");
  }

  passwordOf(name: string): string | undefined {
    return this.#row(name)?.password;
  }

  /** The password is the hash. @throws ConsoleError name-taken, too-many */
  add(name: string, role: Role, password: string, mustChange: boolean, now: number): User {
    if (this.find(name))
      throw new ConsoleError(409, "name-taken", `There is a user "${name}" already`, "Choose another name");
    if (this.count() >= MOST)
      throw new ConsoleError(409, "too-many", `There are ${MOST} users already`, "Delete one that is not needed");
    this.#database
      .prepare("INSERT INTO user (name, role, password, must_change, created) VALUES (?, ?, ?, ?, ?)")
      .run(name, role, password, mustChange ? 1 : 0, now);
    return this.get(name);
  }

  /** @throws ConsoleError not-found, last-admin */
  change(name: string, { role, disabled }: { readonly role?: Role; readonly disabled?: boolean }): User {
    return inTransaction(this.#database, () => {
      const user = this.get(name);
      const after = { role: role ?? user.role, disabled: disabled ?? user.disabled };
      if (after.role !== "admin" || after.disabled) this.#keepAnAdmin(user);
      this.#database
        .prepare("UPDATE user SET role = ?, disabled = ? WHERE name = ?")
        .run(after.role, after.disabled ? 1 : 0, name);
      return this.get(name);
    });
  }

  setPassword(name: string, password: string, mustChange: boolean): void {
    this.#database
      .prepare("UPDATE user SET password = ?, must_change = ? WHERE name = ?")
      .run(password, mustChange ? 1 : 0, name);
  }

  loggedIn(name: string, now: number): void {
    this.#database.prepare("UPDATE user SET last_login = ? WHERE name = ?").run(now, name);
  }

  /** Its sessions and tokens go with it. @throws ConsoleError not-found, last-admin */
  remove(name: string): void {
    inTransaction(this.#database, () => {
      this.#keepAnAdmin(this.get(name));
      this.#database.prepare("DELETE FROM user WHERE name = ?").run(name);
    });
  }

  /** Somebody must be able to make users. */
  #keepAnAdmin({ name, role, disabled }: User): void {
    if (role !== "admin" || disabled) return;
    const others = this.#database
      .prepare("SELECT count(*) AS n FROM user WHERE role = 'admin' AND disabled = 0 AND name <> ?")
      .get(name) as { n: number };
    if (others.n > 0) return;
    throw new ConsoleError(
      409,
      "last-admin",
      `"${name}" is the last administrator; without one nobody could manage users`,
      "Make another user an administrator first",
    );
  }

  #row(name: string): Row | undefined {
    return this.#database.prepare("SELECT * FROM user WHERE name = ?").get(name) as Row | undefined;
  }
}

function userOf(row: Row): User {
  return {
    name: row.name,
    role: row.role,
    disabled: row.disabled === 1,
    mustChange: row.must_change === 1,
    created: row.created,
    lastLogin: row.last_login,
  };
}
