/** The OpenAPI document as tests read it. */
import type { TSchema } from "typebox";

interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "header" | "cookie";
  readonly required?: boolean;
  readonly schema: TSchema;
}

interface Media {
  readonly schema?: TSchema;
  readonly examples?: unknown;
  readonly example?: unknown;
}

interface RawOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly "x-role": string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
}

export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, TSchema>> };
}

export interface DocumentedOperation {
  readonly method: string;
  /** Without /v1. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly role: string;
  readonly parameters: readonly Parameter[];
  readonly body: TSchema | undefined;
  readonly examples: unknown;
  readonly responses: RawOperation["responses"];
}

export function operations({ paths }: Document): DocumentedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== "head")
      .map(([method, operation]) => {
        const media = operation.requestBody?.content["application/json"];
        return {
          method: method.toUpperCase(),
          path: path.replace(/^\/v1/, ""),
          operationId: operation.operationId,
          summary: operation.summary,
          role: operation["x-role"],
          parameters: operation.parameters ?? [],
          body: media?.schema,
          examples:
            media?.examples ?? media?.example ?? (media?.schema as { examples?: unknown } | undefined)?.examples,
          responses: operation.responses,
        };
      }),
  );
}

/** A schema of the document with what it refers to in the place of each reference. */
export function inlined({ components }: Pick<Document, "components">, schema: TSchema): TSchema {
  return JSON.parse(JSON.stringify(schema), (_key, value) => {
    if (typeof value?.$ref !== "string") return value;
    return inlined({ components }, components.schemas[value.$ref.split("/").at(-1)]);
  });
}
