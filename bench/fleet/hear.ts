/** Messages to and from the processes of the bench, and their ends. */
import type { ChildProcess } from "node:child_process";
import type { FromAgents, FromConsole, ToAgents, ToConsole } from "./talk.ts";

/** Milliseconds that a step may take at most. */
export const PATIENCE = 180_000;

type FromAgentsOf<K extends FromAgents["is"]> = Extract<FromAgents, { is: K }>;

/** The same to every group of agents; their answers in order. */
export function all<K extends FromAgents["is"]>(
  groups: readonly ChildProcess[],
  is: K,
  signal: AbortSignal,
  message: (group: number) => ToAgents,
): Promise<FromAgentsOf<K>[]> {
  return Promise.all(
    groups.map((group, i) => {
      const answer = heard<FromAgents, K>(group, is, signal);
      group.send(message(i));
      return answer;
    }),
  );
}

export function asked<K extends FromConsole["is"]>(
  console: ChildProcess,
  message: ToConsole,
  is: K,
  signal: AbortSignal,
): Promise<Extract<FromConsole, { is: K }>> {
  const answer = heard<FromConsole, K>(console, is, signal);
  console.send(message);
  return answer;
}

/** The next message of this kind. */
export function heard<T extends { is: string }, K extends T["is"]>(
  child: ChildProcess,
  is: K,
  signal: AbortSignal,
): Promise<Extract<T, { is: K }>> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      child.off("message", take);
      child.off("exit", died);
      signal.removeEventListener("abort", stop);
    };
    const end = (error: Error) => {
      leave();
      reject(error);
    };
    const take = (message: T) => {
      if (message.is !== is) return;
      leave();
      resolve(message as Extract<T, { is: K }>);
    };
    const died = (code: number | null) => end(new Error(`a process of the bench ended with ${code}`));
    const stop = () => end(new Error("interrupted"));
    const timer = setTimeout(() => end(new Error(`no "${is}" within ${PATIENCE / 1000} s`)), PATIENCE);
    child.on("message", take);
    child.on("exit", died);
    signal.addEventListener("abort", stop);
  });
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new Error("interrupted"));
      },
      { once: true },
    );
  });
}

export function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
