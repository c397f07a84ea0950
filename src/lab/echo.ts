/**
 * A tiny program of its own, run inside a namespace, that carries a marker over TCP and UDP there and back:
 *   node echo.ts serve PORT                  answers with what it gets, over IPv4 and IPv6, until it is ended
 *   node echo.ts send ADDRESS PORT HEX MS    prints {"tcp":true,"udp":true}; false where the marker did not come back in so long
 *   node echo.ts hold ADDRESS PORT           keeps one TCP connection busy: prints "open" at the first answer and "cut" when 40 got none
 */
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

/** Largest payload that is echoed, bytes. */
const LARGEST = 1024;

function serve(port: number): void {
  createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (data: Buffer) => socket.write(data));
  }).listen(port, "::", () => {
    const udp = createSocket({ type: "udp6", ipv6Only: false });
    udp.on("message", (message, from) => udp.send(message.subarray(0, LARGEST), from.port, from.address));
    udp.bind(port, "::", () => process.stdout.write("serving\n"));
  });
}

function overTcp(address: string, port: number, payload: Buffer, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => socket.write(payload));
    const settle = (came: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(came);
    };
    const timer = setTimeout(() => settle(false), ms);
    let back: Buffer = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => {
      back = Buffer.concat([back, data]);
      if (back.length >= payload.length) settle(back.equals(payload));
    });
    socket.on("error", () => settle(false));
  });
}

function overUdp(address: string, port: number, payload: Buffer, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const settle = (came: boolean) => {
      clearInterval(again);
      clearTimeout(timer);
      socket.close();
      resolve(came);
    };
    const send = () => socket.send(payload, port, address, () => undefined);
    const again = setInterval(send, 500);
    const timer = setTimeout(() => settle(false), ms);
    socket.on("message", (message) => settle(message.equals(payload)));
    socket.on("error", () => settle(false));
    send();
  });
}

async function send(address: string, port: number, marker: Buffer, ms: number): Promise<void> {
  const payload = Buffer.concat(Array.from({ length: 8 }, () => marker));
  const [tcp, udp] = await Promise.all([overTcp(address, port, payload, ms), overUdp(address, port, payload, ms)]);
  process.stdout.write(`${JSON.stringify({ tcp, udp })}\n`);
}

/** Beats without an answer after which a connection is cut, 2 s of this program's own time: a machine may keep it from its CPU longer. */
const UNANSWERED = 40;

/** A byte every 50 ms; a connection that is let through answers each. */
function hold(address: string, port: number): void {
  /** Beats since the last answer; undefined: there was none yet. */
  let silent: number | undefined;
  const socket = connect(port, address);
  const beat = setInterval(() => {
    if (silent !== undefined && ++silent > UNANSWERED) cut();
    else socket.write("x");
  }, 50);
  const cut = () => {
    clearInterval(beat);
    socket.destroy();
    process.stdout.write(silent === undefined ? "refused\n" : "cut\n");
  };
  socket.setNoDelay();
  socket.on("data", () => {
    if (silent === undefined) process.stdout.write("open\n");
    silent = 0;
  });
  socket.on("error", cut);
}

const [role, ...rest] = process.argv.slice(2);
if (role === "serve") serve(Number(rest[0]));
else if (role === "send") await send(rest[0]!, Number(rest[1]), Buffer.from(rest[2]!, "hex"), Number(rest[3]));
else if (role === "hold") hold(rest[0]!, Number(rest[1]));
