/** Names: their letters, and that they are unique among names and ids of resources of their kind, as either may be written. */
import { NAME } from "../field.ts";
import { article, WORDS } from "../word.ts";
import { breach, called, type Rule } from "./rule.ts";

const PATTERN = new RegExp(NAME);

export const checkName: Rule = ({ kind, id, after }, directory) => {
  if (!after) return [];
  const { name } = after;
  if (!PATTERN.test(name)) {
    return [
      breach(
        "name-invalid",
        after,
        "name",
        `"${name}" cannot be the name of ${article(WORDS[kind].one)}`,
        "Use 2–128 letters, digits, dots, underscores and hyphens, a letter first",
      ),
    ];
  }
  const bearer = directory.get(kind, name);
  if (bearer && bearer.id !== id) {
    return [
      breach("name-taken", after, "name", `"${name}" is the id of ${called(bearer)}`, "Choose another name", bearer),
    ];
  }
  const other = [...directory.named(kind, name)].find((one) => one !== id);
  if (other === undefined) return [];
  const holder = directory.get(kind, other)!;
  return [
    breach("name-taken", after, "name", `there is already ${called(holder)} (${other})`, "Choose another name", holder),
  ];
};
