-- Jobs and takes. The state machine of worker/store.h stands in the checks.
CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counter VALUES ('version', 0);

CREATE TABLE job (
  seq              INTEGER PRIMARY KEY AUTOINCREMENT,
  id               TEXT NOT NULL UNIQUE,
  version          INTEGER NOT NULL,
  state            TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  priority         INTEGER NOT NULL,
  attempt          INTEGER NOT NULL DEFAULT 0,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  request          TEXT NOT NULL,
  model_id         TEXT NOT NULL,
  idempotency_key  TEXT UNIQUE,
  body_sha256      TEXT NOT NULL,
  message          TEXT NOT NULL DEFAULT '',
  pending          TEXT,
  created_ms       INTEGER NOT NULL,
  updated_ms       INTEGER NOT NULL,
  started_ms       INTEGER NOT NULL DEFAULT 0,
  finished_ms      INTEGER NOT NULL DEFAULT 0,
  error_code       TEXT,
  error_message    TEXT,
  error_fix        TEXT,
  CHECK ((finished_ms > 0) = (state IN ('succeeded', 'failed', 'cancelled'))),
  CHECK (pending IS NULL OR state = 'running'),
  CHECK ((error_code IS NOT NULL) = (state = 'failed')),
  CHECK (NOT (state = 'succeeded' AND cancel_requested)),
  CHECK (state <> 'running' OR attempt > 0)
);
CREATE INDEX job_ready ON job (priority DESC, seq) WHERE state = 'queued';
CREATE INDEX job_running ON job (seq) WHERE state = 'running';
CREATE INDEX job_changed ON job (version);

CREATE TABLE take (
  number           INTEGER PRIMARY KEY AUTOINCREMENT,
  id               TEXT NOT NULL UNIQUE,
  version          INTEGER NOT NULL,
  path             TEXT NOT NULL,
  len_bytes        INTEGER NOT NULL,
  sha256           TEXT NOT NULL CHECK (length(sha256) = 64),
  made_ms          INTEGER NOT NULL,
  title            TEXT NOT NULL DEFAULT '',
  starred          INTEGER NOT NULL DEFAULT 0,
  prompt           TEXT NOT NULL,
  seed             INTEGER NOT NULL,
  model_id         TEXT NOT NULL,
  duration_seconds REAL NOT NULL,
  format           TEXT NOT NULL,
  metadata         TEXT NOT NULL,
  recipe           TEXT NOT NULL,
  folded           TEXT NOT NULL, -- prompt, title and model without case and accents, to search in
  trashed_ms       INTEGER NOT NULL DEFAULT 0,
  trash_path       TEXT,
  CHECK ((trash_path IS NOT NULL) = (trashed_ms > 0))
);
CREATE UNIQUE INDEX take_path ON take (path) WHERE trashed_ms = 0;
CREATE INDEX take_trashed ON take (trashed_ms) WHERE trashed_ms > 0;
