-- Times are milliseconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of text.

CREATE TABLE api_key (
    -- The public prefix, which is all of a key that is ever shown again.
    id        TEXT    NOT NULL PRIMARY KEY,
    -- SHA-256 of the secret. The secret itself is stored nowhere.
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    name      TEXT    NOT NULL,
    scopes    TEXT    NOT NULL,
    roles     TEXT    NOT NULL,
    tenant    TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER,
    revoked   INTEGER,
    probe     INTEGER NOT NULL CHECK (probe IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_probe ON api_key (expires) WHERE probe = 1;

CREATE TABLE replay (
    source      TEXT    NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    -- What the app knows the delivery by; the same at every attempt.
    delivery    BLOB    NOT NULL CHECK (length(delivery) = 16),
    -- Counts the claims, so that only the latest can be released.
    attempt     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    done_at     INTEGER,
    -- Absent: kept as long as the source's secret.
    expires     INTEGER,
    PRIMARY KEY (source, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX replay_expires ON replay (expires) WHERE expires IS NOT NULL;
