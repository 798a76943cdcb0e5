-- Times are milliseconds since 1970-01-01T00:00:00Z. Lists are JSON arrays of text.

CREATE TABLE api_key (
    -- The public prefix, which is all of a key that is ever shown again.
    id        TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    -- SHA-256 of the secret. The secret itself is stored nowhere.
    digest    BYTEA   NOT NULL CHECK (length(digest) = 32),
    name      TEXT    NOT NULL,
    scopes    TEXT    NOT NULL,
    roles     TEXT    NOT NULL,
    tenant    TEXT    COLLATE "C" NOT NULL,
    created   BIGINT  NOT NULL,
    expires   BIGINT,
    last_used BIGINT,
    revoked   BIGINT,
    probe     BOOLEAN NOT NULL
);

CREATE INDEX api_key_probe ON api_key (expires) WHERE probe;

-- A transaction sees the rows of the tenant it is bound to, and none before it is bound. `*` is the
-- deployment itself; no tenant can be called so. Also the owner of the table is bound.
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_key
    USING (current_setting('vouchsafe.tenant', true) IN (tenant, '*'))
    WITH CHECK (current_setting('vouchsafe.tenant', true) IN (tenant, '*'));

-- Counts the changes of a table, so that every node sees those of the others. The counter's row is
-- locked until the change commits: whoever reads a number has every change up to it.
CREATE TABLE revision (
    subject TEXT   NOT NULL PRIMARY KEY,
    number  BIGINT NOT NULL
);

INSERT INTO revision (subject, number) VALUES ('api_key', 0);

CREATE FUNCTION revise() RETURNS trigger LANGUAGE plpgsql SET search_path = vouchsafe, pg_temp AS $$
BEGIN
    UPDATE revision SET number = number + 1 WHERE subject = TG_TABLE_NAME;
    RETURN NULL;
END
$$;

-- Not for `last_used`: it changes every minute, and no other node decides by it.
CREATE TRIGGER revise
    AFTER INSERT OR DELETE OR UPDATE OF
        id, digest, name, scopes, roles, tenant, created, expires, revoked, probe
    ON api_key FOR EACH ROW EXECUTE FUNCTION revise();

CREATE TRIGGER revise_all AFTER TRUNCATE ON api_key FOR EACH STATEMENT EXECUTE FUNCTION revise();

CREATE TABLE replay (
    source      TEXT   COLLATE "C" NOT NULL,
    digest      BYTEA  NOT NULL CHECK (length(digest) = 32),
    -- What the app knows the delivery by; the same at every attempt.
    delivery    BYTEA  NOT NULL CHECK (length(delivery) = 16),
    -- Counts the claims, so that only the latest can be released.
    attempt     BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    done_at     BIGINT,
    -- Absent: kept as long as the source's secret.
    expires     BIGINT,
    PRIMARY KEY (source, digest)
);

CREATE INDEX replay_expires ON replay (expires) WHERE expires IS NOT NULL;
