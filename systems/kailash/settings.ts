/** Kailash's own keys of the stack file. */
import { z } from "zod";
import { leaf } from "../../config/schema.ts";

export const settings = {
  seed: leaf(z.boolean().default(false), {
    description: "Loads three documents after the migrations.",
    allowed: "true or false",
    example: false,
    testData: true,
  }),
} satisfies z.ZodRawShape;
