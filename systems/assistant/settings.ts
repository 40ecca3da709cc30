/** The assistant's own keys of the stack file. */
import { z } from "zod";
import { leaf } from "../../config/schema.ts";

export const settings = {
  schema: leaf(z.string().regex(/^\w+$/).optional(), {
    description:
      "Revision that the schema goes to, up or down, and stays at. Default: the newest that the release knows.",
    allowed: "a revision of the release, head or base",
    example: "0002",
  }),
  allowDestructiveMigrations: leaf(
    z
      .string()
      .regex(/^\w+(?:,\w+)*$/)
      .optional(),
    {
      description:
        "Revisions of the schema that may remove data, on the way up or down. Without it such a migration is refused, and the former release serves on.",
      allowed: "revisions with a comma between them",
      example: "0003",
    },
  ),
  seed: leaf(z.boolean().default(false), {
    description: "Loads test data after the migrations.",
    allowed: "true or false",
    example: false,
    testData: true,
  }),
} satisfies z.ZodRawShape;
