/** Enough words for a pet's name. */
export const ADJECTIVES = [
  "able",
  "bold",
  "calm",
  "eager",
  "fair",
  "glad",
  "keen",
  "kind",
  "neat",
  "proud",
  "quick",
  "wise",
] as const;
export const ANIMALS = [
  "badger",
  "crane",
  "dolphin",
  "falcon",
  "heron",
  "lynx",
  "marten",
  "otter",
  "puffin",
  "seal",
  "swift",
  "tern",
] as const;
