/** A site of its own for each test, with its first user logged in. */
import { afterEach, beforeEach, expect } from "vitest";
import { openSite, type Session, type Site, settle } from "./site.ts";

export let site: Site;
export let admin: Session;

/** Once, at the top of a file of tests. Whatever a test does, it must not be a fault of the program. */
export function freshSite(): void {
  beforeEach(async () => {
    site = await openSite();
    admin = await settle(site.app, "admin", site.first);
  });
  afterEach(() => expect(site.faults).toEqual([]));
}
