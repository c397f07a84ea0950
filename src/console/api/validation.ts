/** Holds what a request brings against its schema; what is wrong is told in sentences, all of it at once. */
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Convert } from "typebox/value";
import { type Finding, formatPath, type Path } from "../../router/config/problem.ts";
import { checkStructure } from "../../router/config/structure.ts";
import { type Fault, refusal } from "../error.ts";

/** All that is wrong with a value. */
export type Checker = (value: unknown) => readonly Finding[];

const CHECKERS = new WeakMap<object, Checker>();

/** A schema whose values are held against something narrower than itself: what stands in documents is not always what explains best. */
export function checkedBy<T extends TSchema>(schema: T, check: Checker): T {
  CHECKERS.set(schema, check);
  return schema;
}

/** The sentence of a finding as a fault of the request. */
export function faultOf({ code, message, next, path }: Finding): Fault {
  return { code, message, next, path: formatPath(path) };
}

/** A check of one schema: quick for values that fit. @param at where in the request the value stands */
export function checker(schema: TSchema, at: Path = []): Checker {
  const { fits } = compiled(schema);
  return (value) =>
    fits(value) ? [] : checkStructure(schema, value).map((finding) => ({ ...finding, path: [...at, ...finding.path] }));
}

const COMPILED = new WeakMap<object, { readonly fits: (value: unknown) => boolean }>();

function compiled(schema: TSchema): { readonly fits: (value: unknown) => boolean } {
  let known = COMPILED.get(schema);
  if (!known) {
    const validator = Compile(schema);
    known = { fits: (value) => validator.Check(value) };
    COMPILED.set(schema, known);
  }
  return known;
}

/** For Fastify: texts of the query become numbers and truth values where the schema wants them. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = CHECKERS.get(schema) ?? checker(schema);
  return (data) => {
    const value = httpPart === "querystring" ? Convert(schema, { ...(data as object) }) : data;
    const findings = check(value);
    return findings.length > 0 ? { error: refusal(findings.map(faultOf), 400) } : { value };
  };
};
