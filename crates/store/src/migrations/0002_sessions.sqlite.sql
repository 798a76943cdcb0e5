-- Times are milliseconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of text.

CREATE TABLE session (
    -- SHA-256 of the id. The id itself is stored nowhere.
    digest    BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- What people call it by; says nothing of the id.
    handle    TEXT    NOT NULL UNIQUE,
    -- Whose it is, as the ledger names them.
    principal TEXT    NOT NULL,
    issuer    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    -- How the person is shown, sealed; absent where nothing seals it.
    display   BLOB,
    roles     TEXT    NOT NULL,
    tenant    TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    -- How long it may be without a request, in milliseconds.
    idle      INTEGER NOT NULL,
    -- When it ends, however busy it is.
    ends      INTEGER NOT NULL,
    -- SHA-256 of the provider's own name for it, by which the provider ends it.
    sid       BLOB    CHECK (length(sid) = 32),
    probe     INTEGER NOT NULL CHECK (probe IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX session_principal ON session (principal);
CREATE INDEX session_sid ON session (sid) WHERE sid IS NOT NULL;
CREATE INDEX session_ends ON session (ends);

CREATE TABLE login (
    -- SHA-256 of what goes to the provider and back.
    state     BLOB    NOT NULL PRIMARY KEY CHECK (length(state) = 32),
    -- SHA-256 of what stays in the browser that began it.
    binding   BLOB    NOT NULL CHECK (length(binding) = 32),
    -- The page that was asked for.
    return_to TEXT    NOT NULL,
    began     INTEGER NOT NULL,
    expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_expires ON login (expires);
