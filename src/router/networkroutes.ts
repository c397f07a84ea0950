/** The kernel's routes in the network that an attachment stands in, which belongs to others. */
import type { Host, KernelRoute, Where } from "./host.ts";

/** Routes of ours that are there, by text. */
export type InstalledRoutes = Map<string, KernelRoute>;

/** Routes through a link go when it goes down, if only for a moment: those that are not there any more are no longer installed. */
export async function recount(installed: InstalledRoutes, host: Host, table: number): Promise<void> {
  const there = new Set((await host.listRoutes({ table })).map(({ prefix }) => prefix));
  for (const [text, { prefix }] of [...installed]) if (!there.has(prefix)) installed.delete(text);
}

/**
 * Removes what is not wanted any more, adds what is missing; `installed` follows. Gives the prefixes to which the network has another
 * route already, which it keeps.
 *
 * @throws LinuxError any other refusal
 */
export async function install(
  installed: InstalledRoutes,
  routes: readonly KernelRoute[],
  host: Host,
  where: Where,
): Promise<string[]> {
  const wanted = new Map(routes.map((route) => [textOf(route), route]));
  const going = [...installed].filter(([text]) => !wanted.has(text));
  if (going.length > 0) {
    await host.changeRoutes(
      "delete",
      going.map(([, route]) => route),
      where,
    );
  }
  for (const [text] of going) installed.delete(text);
  const missing = [...wanted.values()].filter((route) => !installed.has(textOf(route)));
  const refused: string[] = [];
  while (missing.length > 0) {
    let done = missing.length;
    try {
      await host.changeRoutes("add", missing, where);
    } catch (error) {
      const { code, line } = error as { readonly code?: string; readonly line?: number };
      if (code !== "exists" || line === undefined) throw error;
      refused.push(missing[line].prefix);
      done = line;
      missing.splice(line, 1);
    }
    for (const route of missing.splice(0, done)) installed.set(textOf(route), route);
  }
  return refused;
}

function textOf({ kind, prefix, via, link, table }: KernelRoute): string {
  return [kind, prefix, via, link, table].join(" ");
}
