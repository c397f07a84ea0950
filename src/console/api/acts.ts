/**
 * What is done to one resource as a whole: POST /instances/ID/activate, lock, unlock; POST /devices/ID/reset-key, release.
 *
 * Both acts on a device raise its generation, so that certificates of the identity that it had are taken no more: `reset-key` makes a new key
 * and the old one is void; `release` keeps the key and lets another host enrol with it.
 */
import type { FastifyInstance } from "fastify";
import { Draft } from "../desk/draft.ts";
import type { Resource, Written } from "../model/resources.ts";
import { WORDS } from "../model/word.ts";
import { checkIfMatch, etagOf } from "./etag.ts";
import { DryRun, described, either } from "./operation.ts";
import type { ConsoleParts } from "./parts.ts";
import { perform } from "./perform.ts";
import { existing, Params, specOf } from "./resources.ts";

type Acted = "instance" | "device";

interface Act {
  readonly kind: Acted;
  readonly word: string;
  readonly id: string;
  readonly summary: string;
  readonly reply: ReturnType<typeof either>;
  /** Keys of the spec, as they are after it. */
  readonly keys: (before: Resource<Acted>) => Partial<Written<Acted>>;
  /** Runs inside the transaction; gives the body of the answer. */
  readonly body: (parts: ConsoleParts, after: Resource<Acted>) => object;
}

function instanceAct(word: string, summary: string, keys: Partial<Written<"instance">>): Act {
  const reply = either("Done, or it was so; or a dry run.", "Instance", "DryRun");
  const id = `${word}Instance`;
  return { kind: "instance", word, id, summary, reply, keys: () => keys, body: (_, after) => after };
}

function deviceAct(
  word: string,
  id: string,
  summary: string,
  more: (parts: ConsoleParts, serial: string) => object,
): Act {
  const own = (device: Resource<Acted>) => device as Resource<"device">;
  return {
    kind: "device",
    word,
    id,
    summary,
    reply: either("Done; a new key is shown this once. Or a dry run.", "DeviceKey", "DryRun"),
    keys: (before) => ({ generation: own(before).generation + 1 }),
    body: (parts, after) => ({ serial: after.id, generation: own(after).generation, ...more(parts, after.id) }),
  };
}

const ACTS: readonly Act[] = [
  instanceAct("activate", "Activates an instance: its devices get their tunnels", { activated: true }),
  instanceAct("lock", "Locks an instance: its devices lose their tunnels", { locked: true }),
  instanceAct("unlock", "Unlocks an instance", { locked: false }),
  deviceAct(
    "reset-key",
    "resetDeviceKey",
    "Makes a new key for a device; the old one and its identity are void",
    ({ fleet }, serial) => ({ key: fleet.newKey(serial) }),
  ),
  deviceAct(
    "release",
    "releaseDevice",
    "Lets another host enrol as this device; its present identity is void",
    ({ fleet }, serial) => {
      fleet.release(serial);
      return {};
    },
  ),
];

export function actRoutes(app: FastifyInstance, parts: ConsoleParts): void {
  for (const act of ACTS) actRoute(app, parts, act);
}

function actRoute(app: FastifyInstance, parts: ConsoleParts, act: Act): void {
  const { kind, word, id, summary, reply: answered } = act;
  const { many } = WORDS[kind];
  app.post<{ Params: { id: string } }>(
    `/${many}/:id/${word}`,
    described({
      id,
      summary,
      tag: many,
      role: "operator",
      params: Params,
      query: DryRun,
      ifMatch: "optional",
      repeatable: true,
      replies: { 200: answered },
      refusals: [404, 409, 412, 422],
    }),
    (request, reply) => {
      let after: Resource<Acted>;
      let body: object;
      return perform(parts, request, reply, {
        action: `${word} ${kind}`,
        plan: (intent) => {
          const before = existing(parts, kind, request.params.id);
          checkIfMatch(request.headers["if-match"], before, false);
          const draft = new Draft(parts.desk, intent);
          const written = { ...specOf(before), ...act.keys(before) } as Written<Acted>;
          after = draft.update(before, written) as Resource<Acted>;
          return draft.changes();
        },
        also: () => {
          body = act.body(parts, after);
        },
        preview: () => ({ resource: after }),
        answer: () => ({ status: 200, body, etag: etagOf(after.version) }),
      });
    },
  );
}
