/** Audio files made of numbers. */

export interface Sound {
  readonly seconds: number;
  /** Tones that sound together. */
  readonly hertz: readonly number[];
  /** Beats per minute: each begins loud and dies away. */
  readonly tempo: number;
}

const RATE = 22_050;

/** @returns A WAV file: one channel, 16 bits, 22,050 Hz. */
export function wav({ seconds, hertz, tempo }: Sound): Buffer {
  const frames = Math.round(seconds * RATE);
  const file = Buffer.alloc(44 + frames * 2);
  file.write("RIFF", 0);
  file.writeUInt32LE(36 + frames * 2, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(RATE * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(frames * 2, 40);
  for (let frame = 0; frame < frames; frame++) {
    const time = frame / RATE;
    const sinceBeat = time % (60 / tempo);
    const tones = hertz.reduce((sum, each) => sum + Math.sin(2 * Math.PI * each * time), 0) / hertz.length;
    file.writeInt16LE(Math.round(26_000 * tones * Math.exp(-5 * sinceBeat)), 44 + frame * 2);
  }
  return file;
}
