/** Numbers as people read them. */

/** @param bytes Size of a file. @returns "900 B", "12.3 kB", "4.0 MB". */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  // 999.95 would be rounded to 1000.0.
  while (value >= 999.95 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value.toFixed(1)} ${units[0]}`;
}

/** @param seconds Length of audio. @returns "0.4 s", "9.9 s", "0:10", "1:02:03". */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** @param bpm Beats per minute; 0 where a sample has no beat. */
export const tempo = (bpm: number): string => (bpm > 0 ? `${Math.round(bpm)} BPM` : "no beat");

/** @param lufs Integrated loudness. */
export const loudness = (lufs: number): string => `${lufs.toFixed(1).replace("-", "−")} LUFS`;

/** @param iso Moment as ISO 8601. @param locale BCP 47. @default the reader's */
export const moment = (iso: string, locale?: string): string =>
  new Date(iso).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });

/** What a feature is called: spectral_centroid → "Spectral centroid". */
export function label(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A feature of any magnitude, with four digits that count. */
export const feature = (value: number): string => String(Number(value.toPrecision(4)));

/** @returns "1 sample", "2 samples". */
export const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? "" : "s"}`;
