/** What is referred to stays. */
import { KINDS } from "../references.ts";
import { breach, called, type Rule, some } from "./rule.ts";

export const checkUse: Rule = ({ before, after, id }, directory) => {
  if (after || !before) return [];
  const users = KINDS.flatMap((kind) => directory.usersOf(id, kind));
  if (users.length === 0) return [];
  return [
    breach(
      "in-use",
      before,
      "id",
      `${called(before)} is used by ${some(users.map(called))}`,
      "Delete or unbind these first",
      users[0],
    ),
  ];
};
