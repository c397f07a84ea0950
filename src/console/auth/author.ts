/** Who makes a request, and what each role may do. */
import type { FastifyRequest } from "fastify";
import type { Author } from "../author.ts";

/** In ascending order: each may do what the ones before it may. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** public: everyone, logged in or not. device: the route itself asks for the proof of a device. */
export type RouteRole = Role | "public" | "device";

/** May someone with role `has` do what needs role `needs`? */
export function covers(has: Role, needs: Role): boolean {
  return ROLES.indexOf(has) >= ROLES.indexOf(needs);
}

/** The lesser of two roles. */
export function lesser(a: Role, b: Role): Role {
  return covers(a, b) ? b : a;
}

/** The author of a request that nobody has logged in for. */
export function nobody(request: FastifyRequest): Author {
  return { user: "anonymous", role: "viewer", via: "session", address: request.ip };
}
