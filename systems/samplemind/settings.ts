/** SampleMind's own keys of the stack file. */
import { z } from "zod";
import { leaf } from "../../config/schema.ts";

export const settings = {
  maxUploadMb: leaf(z.number().int().min(1).max(2048).default(100), {
    description: "Largest sample that may be uploaded, in MB. The edge refuses what is much longer.",
    allowed: "a whole number from 1 to 2048",
    example: 100,
  }),
  adminEmail: leaf(z.email().default("admin@example.com"), {
    description: "Who logs in first, with the password berth:adminPassword. Where berth:seed is on, the test users do.",
    allowed: "an address of mail",
    example: "admin@example.com",
  }),
  seed: leaf(z.boolean().default(false), {
    description: "Lets test users in instead of the first one: alice@example.com and bob@example.com.",
    allowed: "true or false",
    example: false,
    testData: true,
  }),
} satisfies z.ZodRawShape;
