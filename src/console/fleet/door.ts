/** Lets agents in: who knocks at /v1/agent with the certificate of a device gets a WebSocket, everybody else a reason. */
import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import { AGENT_PATH, LARGEST_FROM_AGENT } from "../../protocol/stream.ts";
import type { Log } from "../../router/log.ts";
import type { FleetDesk } from "./desk.ts";
import { type Passport, passportOffice } from "./passport.ts";

/** Milliseconds that who is turned away has to read why. What was upgraded is under none of the server's own time-outs any more. */
const LEAVE = 1000;

export interface DoorParts {
  readonly desk: Pick<FleetDesk, "intent">;
  /** PEM of the root of devices. */
  readonly root: string;
  readonly log: Log;
  readonly now: () => number;
  readonly enter: (socket: WebSocket, passport: Passport) => void;
}

/** Gives back what shuts the door. */
export function openDoor(server: Server, { desk, root, log, now, enter }: DoorParts): () => void {
  const judge = passportOffice(root, desk);
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LARGEST_FROM_AGENT,
    perMessageDeflate: false,
    clientTracking: false,
  });
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Whoever goes away in the middle must not end the console.
    socket.on("error", () => socket.destroy());
    if (request.url !== AGENT_PATH) {
      turnAway(socket, "404 Not Found", {
        code: "no-such-path",
        message: "There is no such path",
        next: "Check the URL",
      });
      return;
    }
    const judged = judge((socket as TLSSocket).getPeerX509Certificate?.(), now());
    if ("code" in judged) {
      log.warn({ address: request.socket.remoteAddress, code: judged.code }, judged.message);
      turnAway(socket, judged.code === "no-certificate" ? "401 Unauthorized" : "403 Forbidden", judged);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => enter(opened, judged));
  };
  (server as HttpServer).on("upgrade", upgrade);
  return () => {
    (server as HttpServer).off("upgrade", upgrade);
    sockets.close();
  };
}

function turnAway(socket: Duplex, status: string, body: { code: string; message: string; next: string }): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${text}`,
  );
  // Its side may never end.
  setTimeout(() => socket.destroy(), LEAVE).unref();
}
