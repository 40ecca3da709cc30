-- What DataFlow cannot generate: vectors, and which documents are being indexed.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE passage_vectors (
  passage text PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
  model text NOT NULL,
  embedding vector(256) NOT NULL
);
CREATE INDEX passage_vectors_embedding ON passage_vectors USING hnsw (embedding vector_cosine_ops);
CREATE INDEX documents_created ON documents (created_at, id);
CREATE TABLE claims (
  document text PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
  until timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 1
);
