/**
 * Text that others have a part in (names, versions and messages of devices, descriptions that users wrote), as a terminal may see it. Raw it
 * could move the cursor, clear the screen, set the title, begin a row of its own, or turn the direction of what follows (ECMA-48, UAX #9).
 * All that a person is shown passes here; JSON stays the same value for whoever parses it.
 */

/** Controls, formats, separators of lines, halves of characters; not the two joiners (U+200C, U+200D) that scripts and emoji need. */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line; what is unseen stands as \u001b. Shown again it stays as it is. */
export function shown(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** The same value with all its texts, also keys, shown. */
export function shownAll<T>(value: T): T {
  if (typeof value === "string") return shown(value) as T;
  if (Array.isArray(value)) return value.map(shownAll) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [shown(key), shownAll(one)])) as T;
}

/** JSON.stringify leaves U+007F to U+009F and all that is no control as it is. */
export function jsonText(value: unknown, indent?: number): string {
  // Line breaks are the indentation's: those of texts are escaped already.
  return JSON.stringify(value, null, indent).replace(UNSEEN, (letter) => (letter === "\n" ? letter : escaped(letter)));
}

function escaped(letter: string): string {
  return Array.from(
    { length: letter.length },
    (_, i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, "0")}`,
  ).join("");
}
