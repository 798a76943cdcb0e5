-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- Tokens that are good once, and were used.
CREATE TABLE token_use (
    -- SHA-256 of who issued the token and what it is called.
    digest  BYTEA  NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- When the token has ended, so that nobody asks about it any more.
    expires BIGINT NOT NULL
);

CREATE INDEX token_use_expires ON token_use (expires);

-- Tokens that count no longer.
CREATE TABLE token_revocation (
    -- SHA-256 of what is revoked.
    digest    BYTEA  NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    issuer    TEXT   COLLATE "C" NOT NULL,
    -- What one token is called.
    jti       TEXT   COLLATE "C",
    -- Or whose tokens are meant, as the ledger names them.
    principal TEXT   COLLATE "C",
    -- Those issued until then.
    revoked   BIGINT NOT NULL,
    -- When all of them have ended.
    expires   BIGINT NOT NULL,
    CHECK ((jti IS NULL) <> (principal IS NULL))
);

INSERT INTO revision (subject, number) VALUES ('token_revocation', 0);

CREATE TRIGGER revise
    AFTER INSERT OR DELETE OR UPDATE
    ON token_revocation FOR EACH STATEMENT EXECUTE FUNCTION revise();
