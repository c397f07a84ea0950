/** The other end of an agent's connection: it says what the test says, and keeps what it hears. */
import { afterAll } from "vitest";
import { WebSocket } from "ws";
import { makeRequest } from "../../../../src/agent/request.ts";
import { EMPTY_ROOT } from "../../../../src/agent/signed.ts";
import { deviceName } from "../../../../src/protocol/name.ts";
import type { CertificateFrame, ConfigFrame } from "../../../../src/protocol/stream.ts";
import { type Bed, until } from "./bed.ts";

export const SERIAL = "vcpe0123456789ab";
export const HELLO = { type: "hello", have: 0, root: EMPTY_ROOT, software: "0.1.0", hostname: "h" };

export const sockets: WebSocket[] = [];
afterAll(() => {
  for (const socket of sockets) socket.terminate();
});

export interface Client {
  readonly frames: (ConfigFrame | CertificateFrame)[];
  readonly closed: { code: number | undefined };
  refused: { status: number; code: string } | undefined;
  open: boolean;
  send(frame: object | string): void;
}

export async function certificate(console: Bed, serial: string, generation = 1) {
  const { csr, key } = await makeRequest(serial);
  const { chain } = await console.authority.issueDevice(csr, deviceName(serial, generation));
  return { cert: chain.join(""), key };
}

export async function connect(console: Bed, tls: { cert?: string; key?: string }, path = "/v1/agent"): Promise<Client> {
  const url = `${console.url.origin.replace("https", "wss")}${path}`;
  const socket = new WebSocket(url, { ...tls, ca: console.authority.root });
  sockets.push(socket);
  const client: Client = {
    frames: [],
    closed: { code: undefined },
    refused: undefined,
    open: false,
    send: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
  };
  socket.on("open", () => {
    client.open = true;
  });
  socket.on("message", (data) => client.frames.push(JSON.parse(data.toString())));
  socket.on("close", (code) => {
    client.closed.code = code;
  });
  socket.on("error", () => undefined);
  socket.on("unexpected-response", (_request, response) => {
    response.on("data", (data: Buffer) => {
      client.refused = { status: response.statusCode ?? 0, code: JSON.parse(data.toString()).code };
    });
  });
  await until(() => client.open || client.refused !== undefined || client.closed.code !== undefined);
  return client;
}

export async function device(console: Bed, serial = SERIAL, role: "active" | "gateway" = "active"): Promise<Client> {
  if (!console.desk.intent.device.has(serial)) console.desk.device(serial, 1, role);
  return connect(console, await certificate(console, serial));
}
