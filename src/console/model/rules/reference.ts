/** References: what is referred to exists, and things that are bound to each other are in one area. */
import type { Directory } from "../directory.ts";
import { referencesOf } from "../references.ts";
import type { Kind, Resource } from "../resources.ts";
import { article, WORDS } from "../word.ts";
import { breach, called, changedIn, MOST, type Rule } from "./rule.ts";

export const checkReferences: Rule = ({ after }, directory) =>
  (after ? referencesOf(after) : []).flatMap(({ key, kind, id }) =>
    directory.get(kind, id)
      ? []
      : [
          breach(
            "not-found",
            after!,
            key,
            `there is no ${WORDS[kind].one} "${id}" for ${called(after!)}`,
            `Create it first, or name one of: vcpe get ${WORDS[kind].many}`,
          ),
        ],
  );

/** Whose area must be the same on both sides of this reference. VPCs and VBRs may be attached from other areas. */
const TOGETHER: Partial<Record<Kind, readonly string[]>> = { instance: ["accessPoint", "ccn"], ccn: ["cen"] };

export const checkArea: Rule = (change, directory) => {
  const { after } = change;
  if (!after || !("area" in after)) return [];
  const found = referencesOf(after)
    .filter(({ key }) => TOGETHER[after.kind]?.includes(key) && changedIn(change, "area", key))
    .flatMap(({ key, kind, id }) => apart(after, key, directory.get(kind, id), directory));
  if (!changedIn(change, "area") || !change.before) return found;
  // It moves: those that stay behind.
  const left = (Object.keys(TOGETHER) as Kind[]).flatMap((kind) =>
    directory.usersOf(after.id, kind).flatMap((user) => {
      const reference = referencesOf(user).find(({ key, id }) => id === after.id && TOGETHER[kind]!.includes(key));
      return reference ? apart(after, "area", user, directory) : [];
    }),
  );
  return [...found, ...left.slice(0, MOST)];
};

function apart(
  one: Resource & { readonly area: string },
  path: string,
  other: Resource | undefined,
  directory: Directory,
) {
  if (!other || !("area" in other) || other.area === one.area) return [];
  const areaOf = (id: string) => directory.get("area", id)?.name ?? id;
  return [
    breach(
      "area-mismatch",
      one,
      path,
      `${called(one)} is in area ${areaOf(one.area)}, ${called(other)} in area ${areaOf(other.area)}`,
      `Bind only what is in one area; choose ${path === "area" ? "the area of the other" : `${article(WORDS[other.kind].one)} of area ${areaOf(one.area)}`}`,
      other,
    ),
  ];
}
