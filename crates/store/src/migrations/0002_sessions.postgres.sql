-- Times are milliseconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of text.

CREATE TABLE session (
    -- SHA-256 of the id. The id itself is stored nowhere.
    digest    BYTEA   NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- What people call it by; says nothing of the id.
    handle    TEXT    COLLATE "C" NOT NULL UNIQUE,
    -- Whose it is, as the ledger names them.
    principal TEXT    COLLATE "C" NOT NULL,
    issuer    TEXT    COLLATE "C" NOT NULL,
    subject   TEXT    COLLATE "C" NOT NULL,
    -- How the person is shown, sealed; absent where nothing seals it.
    display   BYTEA,
    roles     TEXT    NOT NULL,
    tenant    TEXT    COLLATE "C" NOT NULL,
    created   BIGINT  NOT NULL,
    last_seen BIGINT  NOT NULL,
    -- How long it may be without a request, in milliseconds.
    idle      BIGINT  NOT NULL,
    -- When it ends, however busy it is.
    ends      BIGINT  NOT NULL,
    -- SHA-256 of the provider's own name for it, by which the provider ends it.
    sid       BYTEA   CHECK (length(sid) = 32),
    probe     BOOLEAN NOT NULL
);

CREATE INDEX session_principal ON session (principal);
CREATE INDEX session_sid ON session (sid) WHERE sid IS NOT NULL;
CREATE INDEX session_ends ON session (ends);

ALTER TABLE session ENABLE ROW LEVEL SECURITY;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON session
    USING (current_setting('vouchsafe.tenant', true) IN (tenant, '*'))
    WITH CHECK (current_setting('vouchsafe.tenant', true) IN (tenant, '*'));

CREATE TABLE login (
    -- SHA-256 of what goes to the provider and back.
    state     BYTEA   NOT NULL PRIMARY KEY CHECK (length(state) = 32),
    -- SHA-256 of what stays in the browser that began it.
    binding   BYTEA   NOT NULL CHECK (length(binding) = 32),
    -- The page that was asked for.
    return_to TEXT    NOT NULL,
    began     BIGINT  NOT NULL,
    expires   BIGINT  NOT NULL
);

CREATE INDEX login_expires ON login (expires);
