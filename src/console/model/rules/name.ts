/** Names: their letters, and that they are unique among names and ids of resources of their kind, as either may be written. */
import { article, breach, called, type Rule, word } from "./rule.ts";

const PATTERN = /^[A-Za-z][A-Za-z0-9._-]{1,127}$/;

export const checkName: Rule = ({ kind, id, after }, directory) => {
  if (!after) return [];
  const { name } = after;
  if (!PATTERN.test(name)) {
    return [
      breach(
        "name-invalid",
        after,
        "name",
        `"${name}" cannot be the name of ${article(word(kind))}`,
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
