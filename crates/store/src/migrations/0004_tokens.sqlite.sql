-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- Tokens that are good once, and were used.
CREATE TABLE token_use (
    -- SHA-256 of who issued the token and what it is called.
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- When the token has ended, so that nobody asks about it any more.
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX token_use_expires ON token_use (expires);

-- Tokens that count no longer.
CREATE TABLE token_revocation (
    -- SHA-256 of what is revoked.
    digest    BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    issuer    TEXT    NOT NULL,
    -- What one token is called.
    jti       TEXT,
    -- Or whose tokens are meant, as the ledger names them.
    principal TEXT,
    -- Those issued until then.
    revoked   INTEGER NOT NULL,
    -- When all of them have ended.
    expires   INTEGER NOT NULL,
    CHECK ((jti IS NULL) <> (principal IS NULL))
) STRICT, WITHOUT ROWID;
