/** Sounds that are made here. */

/** A WAV of one channel, 16 bits at 22,050 Hz: a tone that is struck at a tempo, so that there is something to find. */
export function tone({ seconds = 1, hertz = 440, bpm = 120, seed = 0 }: Partial<Tone> = {}): Uint8Array {
  const rate = 22_050;
  const count = Math.floor(seconds * rate);
  const file = Buffer.alloc(44 + 2 * count);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + 2 * count, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ] as const)
    file.writeUInt16LE(value, at);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(2 * rate, 28);
  file.write("data", 36);
  file.writeUInt32LE(2 * count, 40);
  const beat = (60 / bpm) * rate;
  for (let n = 0; n < count; n++) {
    const struck = Math.exp(-(n % beat) / (rate / 8));
    const noise = ((((n + seed) * 1_103_515_245 + 12_345) >>> 16) & 255) / 2550;
    file.writeInt16LE(
      Math.round(32_000 * struck * (0.8 * Math.sin((2 * Math.PI * hertz * n) / rate) + noise)),
      44 + 2 * n,
    );
  }
  return file;
}

export interface Tone {
  readonly seconds: number;
  readonly hertz: number;
  readonly bpm: number;
  /** Another one makes another file that sounds the same. */
  readonly seed: number;
}
