import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { Commands, CommandsTaker } from "../../../src/datapath/commands.ts";

test("a worker is told of TUN devices that come and go, once each", () => {
  const commands = new Commands();
  const taker = new CommandsTaker(commands.part);
  const fds = new Int32Array(64).fill(-1);
  const seen: number[][] = [];
  const take = () => taker.take(fds, (...change) => seen.push(change));
  commands.setTun(0, 17);
  commands.setTun(5, 18);
  take();
  commands.setTun(0, -1);
  commands.setTun(5, 19);
  take();
  take();
  expect(seen).toEqual([
    [0, -1, 17],
    [5, -1, 18],
    [0, 17, -1],
    [5, 18, 19],
  ]);
  expect(commands.settle()).toBe(true);
  expect(taker.stopped).toBe(false);
  commands.stop();
  expect(taker.stopped).toBe(true);
  commands.close();
});

test("settle waits for a worker in another thread", async () => {
  const commands = new Commands();
  const source = `
    const { workerData } = require("node:worker_threads");
    const words = new Int32Array(workerData);
    Atomics.wait(words, 1, 0);
    setTimeout(() => { Atomics.store(words, 0, words[1]); Atomics.notify(words, 0); }, 50);
  `;
  const worker = new Worker(source, { eval: true, workerData: commands.part.block });
  await new Promise((resolve) => worker.once("online", resolve));
  commands.setTun(1, 9);
  Atomics.notify(new Int32Array(commands.part.block), 1);
  expect(commands.settle()).toBe(true);
  await worker.terminate();
  commands.close();
});

test("settle gives up on a worker that has ended", () => {
  const commands = new Commands();
  commands.setTun(1, 9);
  const began = Date.now();
  expect(commands.settle()).toBe(false);
  expect(Date.now() - began).toBeGreaterThanOrEqual(990);
  commands.close();
});
