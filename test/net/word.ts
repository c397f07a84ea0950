/** What the console of a tutorial's region says of an instance, as its operator asks for it. */
import { tail } from "../../src/lab/command.ts";
import { LabFault } from "../../src/lab/fault.ts";
import type { Operator } from "../../src/lab/tutorial/operator.ts";
import { eventually } from "./region.ts";

export interface ConsoleEvent {
  readonly id: number;
  readonly at: string;
  readonly level: string;
  readonly code: string;
  readonly message: string;
}

export class Word {
  readonly #operator: Operator;
  readonly #instance: string;
  /** Events that are not news. */
  #known = 0;

  constructor(operator: Operator, instance: string) {
    this.#operator = operator;
    this.#instance = instance;
  }

  /** Serial number of the device that carries, and who says so. */
  async carrier(): Promise<string> {
    const { status } = await this.#operator.ask<{ status: { carrier: string | null; carrierKnownBy: string } }>(
      "get",
      "instance",
      this.#instance,
    );
    return `${status.carrier} by ${status.carrierKnownBy}`;
  }

  /** What has happened so far is not news from now on. */
  async listen(): Promise<void> {
    this.#known = (await this.#operator.ask<ConsoleEvent[]>("events")).at(-1)?.id ?? 0;
  }

  /** News of this code. */
  async news(code: string): Promise<ConsoleEvent[]> {
    const events = await this.#operator.ask<ConsoleEvent[]>("events");
    return events.filter((event) => event.id > this.#known && event.code === code);
  }

  /** The first news of this code and level. */
  next(code: string, level: string): Promise<ConsoleEvent> {
    const told = async () => (await this.news(code)).find((event) => event.level === level);
    return eventually(`${level} ${code}`, told, 60_000);
  }

  /** What `vcpe ready` says of a link of the chain, be the chain whole or broken somewhere: while a router takes a change it is. */
  async link(name: string): Promise<string> {
    const { code, stdout, stderr } = await this.#operator.attempt("ready", this.#instance, "--json");
    if (stdout === "") throw new LabFault("command-failed", `vcpe ready ended with ${code}.${tail(stderr)}`);
    const { links } = JSON.parse(stdout) as { links: { link: string; message: string }[] };
    return links.find(({ link }) => link === name)?.message ?? "";
  }
}
