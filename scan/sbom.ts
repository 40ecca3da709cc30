/**
 * A bill of materials: CycloneDX 1.6, of what an image holds. Two scans of one
 * image write the same file: no clock is in it.
 */
import type { Ecosystem, Inventory, Package } from "./types.ts";

const TYPES: Readonly<Record<Ecosystem, string>> = { Debian: "deb/debian", PyPI: "pypi", npm: "npm" };

/** @param id Digest or id of the image. */
export function billOf(image: string, id: string, { packages, release, unread }: Inventory): object {
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: { type: "container", "bom-ref": id, name: image, version: id },
      ...(unread.length ? { properties: unread.map((value) => ({ name: "berth:unread", value })) } : {}),
    },
    components: packages.map((found) => ({
      type: "library",
      "bom-ref": purl(found, release),
      name: found.name,
      version: found.version,
      purl: purl(found, release),
      ...(found.source
        ? { properties: [{ name: "berth:source", value: `${found.source.name} ${found.source.version}` }] }
        : {}),
    })),
  };
}

/** As the package-url specification writes it. */
export function purl({ ecosystem, name, version, arch }: Package, release?: string): string {
  const encode = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":");
  const qualifiers =
    ecosystem === "Debian"
      ? [...(arch ? [`arch=${encode(arch)}`] : []), ...(release ? [`distro=debian-${release}`] : [])]
      : [];
  return `pkg:${TYPES[ecosystem]}/${name.split("/").map(encode).join("/")}@${encode(version)}${qualifiers.length ? `?${qualifiers.join("&")}` : ""}`;
}
