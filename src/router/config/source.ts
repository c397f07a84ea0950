/** YAML text → plain value, and where in the text each part of it stands. */
import { type Alias, isAlias, isMap, isNode, isPair, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Path, Problem } from "./problem.ts";

export interface Source {
  readonly value: unknown;
  /** Syntax errors; when there are any, `value` is not to be used. */
  readonly problems: readonly Problem[];
  /**
   * Line and column, from 1, of the value at a path; of its key with `key`. The nearest parent that exists, when the
   * path leads to nothing.
   */
  locate(path: Path, key?: boolean): { readonly line: number; readonly column: number };
}

export function readSource(text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: "1.2" });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: Problem[] = document.errors.map((error) => ({
    severity: "error",
    code: "yaml",
    path: [],
    ...place(error.pos[0]),
    message: error.message.replace(/\.$/, ""),
    next: advice(error.code),
  }));

  let value: unknown;
  if (problems.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      problems.push({
        severity: "error",
        code: "yaml",
        path: [],
        line: 1,
        column: 1,
        message: `the aliases (*name) cannot be resolved: ${(error as Error).message}`,
        next: "Write the repeated part out",
      });
    }
  }

  return {
    value,
    problems,
    locate(path, key = false) {
      let node: Node | null | undefined = document.contents;
      let offset = node?.range?.[0] ?? 0;
      for (const [i, step] of path.entries()) {
        if (isAlias(node)) node = (node as Alias).resolve(document);
        if (isMap(node)) {
          const pair = node.items.find((item) => isPair(item) && isNode(item.key) && String(item.key) === String(step));
          if (!pair) break;
          const name = pair.key as Node;
          node = pair.value as Node | null;
          const whole = key && i === path.length - 1;
          offset = (whole ? name.range?.[0] : (node?.range?.[0] ?? name.range?.[0])) ?? offset;
        } else if (isSeq(node)) {
          const item: unknown = node.items[Number(step)];
          if (!isNode(item)) break;
          node = item;
          offset = item.range?.[0] ?? offset;
        } else break;
      }
      return place(offset);
    },
  };
}

function advice(code: string): string {
  switch (code) {
    case "DUPLICATE_KEY":
      return "Keep one of the two";
    case "TAB_AS_INDENT":
      return "Indent with spaces";
    case "BAD_INDENT":
    case "BLOCK_IN_FLOW":
    case "MISSING_CHAR":
      return "Check the indentation, colons and brackets of this line and the one before";
    default:
      return 'Check this line; texts with ":" at their end, or that begin with a special character, need quotes';
  }
}
