/** Exchanges of ours that wait for the window to open. */
import type { Task, TaskKind } from "./task/task.ts";

export class Queue {
  #tasks: Task[] = [];
  /** Nothing leaves for now. */
  held = false;

  /** `first`: before all that wait. */
  add(task: Task, first: boolean): void {
    if (first) this.#tasks.unshift(task);
    else this.#tasks.push(task);
  }

  /** The next one; undefined when there is none, or all are held. */
  take(): Task | undefined {
    return this.held ? undefined : this.#tasks.shift();
  }

  /** All of them, held or not. */
  takeAll(): Task[] {
    const tasks = this.#tasks;
    this.#tasks = [];
    return tasks;
  }

  has(kind: TaskKind): boolean {
    return this.#tasks.some((task) => task.kind === kind);
  }
}
