/** The control side's tables on the shared memory: which there are, and which stands on which. */

import { randomBytes } from "node:crypto";
import { Adjacencies } from "./adjacency.ts";
import { Children } from "./children.ts";
import { ChildSas } from "./childsas.ts";
import type { Commands } from "./commands.ts";
import { Domains } from "./domains.ts";
import { Entrances } from "./entrances.ts";
import { Epochs } from "./epoch.ts";
import { Fib, type FibExports } from "./fib.ts";
import { Filters } from "./filter.ts";
import type { PlaneMemory } from "./memory.ts";
import type { FastPath } from "./module.ts";
import type { Offloads } from "./offload.ts";
import { Pool } from "./pool.ts";
import { SaSlots } from "./sa.ts";
import { Selectors } from "./selectors.ts";
import { Shapes } from "./shapes.ts";
import { Tunnels } from "./tunnels.ts";
import { Tuns } from "./tuns.ts";
import { Vrfs } from "./vrf.ts";

export interface TablesParts {
  readonly memory: PlaneMemory;
  /** The control thread's own instance. */
  readonly fast: FastPath;
  /** One for each worker. */
  readonly commands: readonly Commands[];
  readonly offloads: Offloads;
  readonly ikePort: number;
}

export class Tables {
  readonly epochs: Epochs;
  readonly pool: Pool;
  readonly adjacencies: Adjacencies;
  readonly vrfs: Vrfs;
  readonly fib: Fib;
  readonly domains: Domains;
  readonly tuns: Tuns;
  readonly filters: Filters;
  readonly entrances: Entrances;
  readonly slots: SaSlots;
  readonly children: ChildSas;
  readonly tunnels: Tunnels;

  constructor({ memory, fast, commands, offloads, ikePort }: TablesParts) {
    const epochs = new Epochs(memory);
    const pool = new Pool(memory);
    const selectors = new Selectors(memory, pool, epochs);
    const adjacencies = new Adjacencies(memory, epochs);
    const shapes = new Shapes(memory, adjacencies);
    this.epochs = epochs;
    this.pool = pool;
    this.adjacencies = adjacencies;
    this.vrfs = new Vrfs(memory, epochs);
    this.fib = new Fib(memory.memory, fast as unknown as FibExports);
    this.domains = new Domains(this.vrfs, this.fib, adjacencies);
    this.slots = new SaSlots(memory, pool, epochs, fast.expand, randomBytes);
    this.tuns = new Tuns(memory, commands, offloads);
    this.filters = new Filters(memory, epochs, adjacencies);
    this.entrances = new Entrances(this.tuns, adjacencies, this.filters);
    this.children = new ChildSas({
      memory,
      pool,
      epochs,
      selectors,
      slots: this.slots,
      adjacencies,
      children: new Children(memory, pool, epochs, adjacencies),
      ikePort,
    });
    this.tunnels = new Tunnels({ adjacencies, shapes, children: this.children, commands });
  }

  /** Ends the timers and the devices, and wipes the keys; no worker runs any more. */
  close(): void {
    this.domains.close();
    this.tuns.close();
    this.epochs.drain();
    this.slots.wipe();
  }
}
