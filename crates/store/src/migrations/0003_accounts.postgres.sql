-- Times are milliseconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of text.

CREATE TABLE account (
    -- What the person types, in small letters.
    name     TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    -- Argon2id in PHC form; absent until the account is claimed.
    password TEXT,
    -- SHA-256 of the link that may set a password, once; and until when.
    claim    BYTEA   CHECK (length(claim) = 32),
    claim_by BIGINT,
    roles    TEXT    NOT NULL,
    tenant   TEXT    COLLATE "C" NOT NULL,
    created  BIGINT  NOT NULL,
    -- When the password was set.
    changed  BIGINT,
    disabled BIGINT,
    CHECK ((claim IS NULL) = (claim_by IS NULL)),
    CHECK ((password IS NULL) = (changed IS NULL))
);

CREATE UNIQUE INDEX account_claim ON account (claim) WHERE claim IS NOT NULL;

ALTER TABLE account ENABLE ROW LEVEL SECURITY;
ALTER TABLE account FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON account
    USING (current_setting('vouchsafe.tenant', true) IN (tenant, '*'))
    WITH CHECK (current_setting('vouchsafe.tenant', true) IN (tenant, '*'));
