/**
 * Which socket of a SO_REUSEPORT group gets a datagram: a classic BPF program that the kernel runs on each one
 * (SO_ATTACH_REUSEPORT_CBPF, socket(7)). It sees the UDP payload from offset 0 on and returns the index of a socket in the
 * group. A group's sockets are numbered in the order in which they were bound, so the caller binds worker 0's first, and binds
 * all of them anew when their number changes.
 */

import { failed } from "./error.ts";
import { errno, hostAddress, setsockopt } from "./ffi.ts";

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;

// linux/bpf_common.h, linux/filter.h
const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const LOAD_HALF = 0x28; // BPF_LD | BPF_H | BPF_ABS
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const MODULO = 0x94; // BPF_ALU | BPF_MOD | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const RETURN_A = 0x16; // BPF_RET | BPF_A

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

/** All datagrams go to the first socket of the group. */
export const TO_FIRST: readonly Instruction[] = [[RETURN, 0, 0, 0]];

/**
 * ESP goes to socket (low half of the SPI) modulo `sockets`: the SPIs that we hand out carry a slot index there. A non-ESP
 * marker of four zero bytes, so IKE (RFC 3948 §2.2), goes to the first. So does what is shorter than four bytes, such as a
 * keepalive: a load beyond the end makes the program return 0.
 */
export function bySpi(sockets: number): readonly Instruction[] {
  return [
    [LOAD_WORD, 0, 0, 0],
    [JUMP_EQUAL, 0, 1, 0],
    [RETURN, 0, 0, 0],
    [LOAD_HALF, 0, 0, 2],
    [MODULO, 0, 0, sockets],
    [RETURN_A, 0, 0, 0],
  ];
}

/** Attaches the program to the group of socket `fd`. @throws LinuxError unsupported (Linux before 4.5) */
export function selectSocket(fd: number, program: readonly Instruction[]): void {
  const filter = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(([code, jumpTrue, jumpFalse, k], index) => {
    filter.setUint16(index * 8, code, true);
    filter.setUint8(index * 8 + 2, jumpTrue);
    filter.setUint8(index * 8 + 3, jumpFalse);
    filter.setUint32(index * 8 + 4, k, true);
  });
  // struct sock_fprog {u16 length; 6 bytes of padding; pointer}
  const head = new DataView(new ArrayBuffer(16));
  head.setUint16(0, program.length, true);
  head.setBigUint64(8, BigInt(hostAddress(filter)), true);
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, hostAddress(head), 16) === 0) return;
  throw failed(errno(), "spread UDP datagrams over several workers", {
    ENOPROTOOPT: {
      code: "unsupported",
      because: "the kernel cannot choose a socket by a program",
      next: "Use Linux 4.5 or later, or one worker.",
    },
  });
}
