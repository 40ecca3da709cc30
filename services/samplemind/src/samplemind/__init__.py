"""SampleMind: a library of audio samples that are analysed, searched, and found by how they sound."""
