/** Text from an agent → a frame, or undefined: it is none. Agents are not trusted to speak well. */
import Compile from "typebox/compile";
import { AppliedFrame, HelloFrame, RenewFrame, ReportFrame } from "../../protocol/stream.ts";

export type AgentFrame = AppliedFrame | HelloFrame | ReportFrame | RenewFrame;

const CHECKS = {
  hello: Compile(HelloFrame),
  applied: Compile(AppliedFrame),
  report: Compile(ReportFrame),
  renew: Compile(RenewFrame),
} as const;

export function agentFrame(text: string): AgentFrame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { type } = (value ?? {}) as { type?: unknown };
  if (typeof type !== "string" || !Object.hasOwn(CHECKS, type)) return undefined;
  return CHECKS[type as keyof typeof CHECKS].Check(value) ? (value as AgentFrame) : undefined;
}
