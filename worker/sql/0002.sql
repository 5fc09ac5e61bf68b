-- Named requests, and what clients brought.
CREATE TABLE preset (
  name       TEXT PRIMARY KEY,
  request    TEXT NOT NULL,
  updated_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE input (
  id         TEXT PRIMARY KEY,
  media_type TEXT NOT NULL,
  len_bytes  INTEGER NOT NULL,
  sha256     TEXT NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX input_created ON input (created_ms);
