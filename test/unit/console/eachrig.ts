/** A console for each test, and the examples of the API in it. */
import { afterEach, beforeEach, expect } from "vitest";
import { EXAMPLES } from "../../../src/console/api/examples.ts";
import { OWN_KINDS } from "../../../src/console/api/specs.ts";
import { WORDS } from "../../../src/console/model/word.ts";
import { ask, openRig, type Rig } from "./rig.ts";

export let rig: Rig;

beforeEach(async () => {
  rig = await openRig();
});

afterEach(async () => {
  await rig.close();
  expect(rig.faults).toEqual([]);
});

/** Another console, with these options, in place of the one of this test. */
export async function reopen(options: Parameters<typeof openRig>[1]): Promise<void> {
  await rig.close();
  rig = await openRig(":memory:", options);
}

/** Creates the examples of all kinds, in order. */
export async function tutorial(): Promise<void> {
  for (const kind of OWN_KINDS) {
    const { status, body } = await ask(rig, "POST", `/${WORDS[kind].many}`, EXAMPLES[kind]);
    expect([status, body.code]).toEqual([201, undefined]);
  }
}
