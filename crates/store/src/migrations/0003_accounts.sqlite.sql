-- Times are milliseconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of text.

CREATE TABLE account (
    -- What the person types, in small letters.
    name     TEXT    NOT NULL PRIMARY KEY,
    -- Argon2id in PHC form; absent until the account is claimed.
    password TEXT,
    -- SHA-256 of the link that may set a password, once; and until when.
    claim    BLOB    CHECK (length(claim) = 32),
    claim_by INTEGER,
    roles    TEXT    NOT NULL,
    tenant   TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    -- When the password was set.
    changed  INTEGER,
    disabled INTEGER,
    CHECK ((claim IS NULL) = (claim_by IS NULL)),
    CHECK ((password IS NULL) = (changed IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX account_claim ON account (claim) WHERE claim IS NOT NULL;
