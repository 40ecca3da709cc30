import { pinnedImage } from "../../../policy/rules/pinned-image.ts";
import { container, fails, image, passes } from "./support.ts";

const HEX = "0".repeat(64);

describe("policy/pinned-image", () => {
  for (const reference of [
    "redis:8.0",
    "localhost:5000/a/b:1",
    `sha256:${HEX}`,
    `redis@sha256:${HEX}`,
    `redis:latest@sha256:${HEX}`,
    "a/b:v0.43.1-alpine",
  ])
    it(`passes ${reference}`, () => passes(pinnedImage, container({ image: reference })));
  for (const reference of ["redis", "redis:latest", "localhost:5000/redis", "a/b:latest-alpine"])
    it(`refuses ${reference}`, () => fails(pinnedImage, container({ image: reference }), `"${reference}"`));
  it("passes a pinned image to build upon, and arguments that name none", () =>
    passes(pinnedImage, image({ PYTHON_IMAGE: "python:3.11-slim", MODE: "fast" })));
  it("refuses to build upon what moves", () => fails(pinnedImage, image({ PYTHON_IMAGE: "python" }), '"python"'));
});
