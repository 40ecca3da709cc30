/** A tar archive with one file in it, owned by root: how the engine takes uploads. */
const BLOCK = 512;

function field(header: Buffer, at: number, size: number, value: number): void {
  header.write(`${value.toString(8).padStart(size - 1, "0")}\0`, at, size, "ascii");
}

/** A path of more than 100 bytes is split at a slash into prefix and name, as the ustar format has it. */
function splitName(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= 100) return { prefix: "", name: path };
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100 && name !== "") return { prefix, name };
  }
  throw new Error(`the path is too long for an upload: ${path}`);
}

export function tarOf(path: string, mode: number, content: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK);
  const { prefix, name } = splitName(path.replace(/^\/+/, ""));
  header.write(name, 0, 100, "utf8");
  field(header, 100, 8, mode);
  field(header, 108, 8, 0);
  field(header, 116, 8, 0);
  field(header, 124, 12, content.length);
  field(header, 136, 12, Math.floor(Date.now() / 1000));
  header.write("        ", 148, 8, "ascii");
  header.write("0", 156, 1, "ascii");
  header.write("ustar\x0000", 257, 8, "ascii");
  header.write(prefix, 345, 155, "utf8");
  field(
    header,
    148,
    7,
    header.reduce((sum, byte) => sum + byte, 0),
  );
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * BLOCK)]);
}
