/** What a system is put together from: each part brings its keys of the stack file and its images. */
import type { z } from "zod";
import type { Settings } from "../config/schema.ts";
import type { Keys } from "../config/shape.ts";
import type { CatalogueArgs, ImageSpec, ServiceSpec } from "../plan/types.ts";

export interface Part<Own extends z.ZodRawShape = z.ZodRawShape> extends Keys {
  readonly settings: Own;
  /** Images that are pulled, by the name that `berth:baseImages` takes. */
  readonly images: Readonly<Record<string, string>>;
}

/** What the entries of a part are made from. `Own`: the part's keys of the stack file, besides those of every stack. */
export interface Args<Own extends z.ZodRawShape = Readonly<Record<never, never>>> extends Omit<
  CatalogueArgs,
  "settings"
> {
  readonly settings: Settings<Own>;
  /** Reference of an image that is pulled. @throws {Error} where no part of the system brings it. */
  readonly baseImage: (name: string) => string;
}

/** A service with the image that is built for it alone, which has its name. */
export interface Entry {
  readonly name: string;
  /** Images that are pulled for it, by the name that `berth:baseImages` takes. */
  readonly images: Readonly<Record<string, string>>;
  readonly image: (args: Args) => ImageSpec;
  readonly service: (args: Args) => ServiceSpec;
}
