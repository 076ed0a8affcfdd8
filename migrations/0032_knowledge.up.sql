SET LOCAL ROLE bb_owner;

CREATE TABLE knowledge_bases (
    id                       uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id          uuid        NOT NULL,
    name                     text        NOT NULL
        CONSTRAINT ck_knowledge_bases_1 CHECK (char_length(name) <= 120),
    description              text CONSTRAINT ck_knowledge_bases_2 CHECK (char_length(description) <= 2000),
    language                 text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_knowledge_bases_3 CHECK (char_length(language) <= 16),
    embedding_provider       text        NOT NULL DEFAULT 'builtin'
        CONSTRAINT ck_knowledge_bases_4 CHECK (embedding_provider IN ('builtin', 'openai_compatible')),
    embedding_integration_id uuid,
    embedding_model          text        NOT NULL DEFAULT 'builtin-minilm-l6-v2'
        CONSTRAINT ck_knowledge_bases_5 CHECK (char_length(embedding_model) <= 120),
    embedding_dims           integer     NOT NULL DEFAULT 384
        CONSTRAINT ck_knowledge_bases_6 CHECK (embedding_dims BETWEEN 8 AND 1536),
    chunk_strategy           text        NOT NULL DEFAULT 'heading'
        CONSTRAINT ck_knowledge_bases_7 CHECK (chunk_strategy IN ('sentence', 'heading', 'fixed')),
    chunk_size               integer     NOT NULL DEFAULT 240
        CONSTRAINT ck_knowledge_bases_8 CHECK (chunk_size BETWEEN 50 AND 4000),
    chunk_overlap            integer     NOT NULL DEFAULT 30
        CONSTRAINT ck_knowledge_bases_9 CHECK (chunk_overlap BETWEEN 0 AND 1000),
    settings                 jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_knowledge_bases_10 CHECK (jsonb_typeof(settings) = 'object'),
    status                   text        NOT NULL DEFAULT 'active'
        CONSTRAINT ck_knowledge_bases_11 CHECK (status IN ('active', 'reindexing', 'error', 'archived')),
    generation               integer     NOT NULL DEFAULT 1
        CONSTRAINT ck_knowledge_bases_12 CHECK (generation BETWEEN 1 AND 1000000),
    document_count           integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_knowledge_bases_13 CHECK (document_count >= 0),
    chunk_count              integer     NOT NULL DEFAULT 0
        CONSTRAINT ck_knowledge_bases_14 CHECK (chunk_count >= 0),
    token_count              bigint      NOT NULL DEFAULT 0
        CONSTRAINT ck_knowledge_bases_15 CHECK (token_count >= 0),
    last_indexed_at          timestamptz,
    error_message            text CONSTRAINT ck_knowledge_bases_16 CHECK (char_length(error_message) <= 2000),
    created_by               uuid,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    deleted_at               timestamptz,
    lock_version             integer     NOT NULL DEFAULT 1,
    CONSTRAINT uq_knowledge_bases_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_knowledge_bases_17 CHECK (chunk_overlap < chunk_size),
    CONSTRAINT ck_knowledge_bases_18 CHECK (embedding_provider = 'builtin' OR embedding_integration_id IS NOT NULL),
    CONSTRAINT ck_knowledge_bases_19 CHECK (app.valid_settings('knowledge_base', settings)),
    CONSTRAINT fk_knowledge_bases_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_knowledge_bases_embedding_integration_id FOREIGN KEY (organization_id, embedding_integration_id)
        REFERENCES integrations (organization_id, id) ON DELETE SET NULL (embedding_integration_id),
    CONSTRAINT fk_knowledge_bases_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE knowledge_bases IS 'a searchable collection of documents with one embedding model';

CREATE UNIQUE INDEX uq_knowledge_bases_2 ON knowledge_bases (organization_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_knowledge_bases_1 ON knowledge_bases (organization_id, status) WHERE deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_knowledge_bases_2 ON knowledge_bases (organization_id, embedding_integration_id);

CREATE TRIGGER touch BEFORE UPDATE ON knowledge_bases
    FOR EACH ROW EXECUTE FUNCTION app.touch_lock();

CREATE TABLE documents (
    id                uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid        NOT NULL,
    knowledge_base_id uuid        NOT NULL,
    name              text        NOT NULL CONSTRAINT ck_documents_1 CHECK (char_length(name) <= 255),
    source_type       text        NOT NULL
        CONSTRAINT ck_documents_2 CHECK (source_type IN ('upload', 'url', 'text', 'sitemap', 'faq', 'integration')),
    source_url        text
        CONSTRAINT ck_documents_3 CHECK (source_url ~* '^https?://[^[:space:]]+$' AND char_length(source_url) <= 2048),
    storage_key       text CONSTRAINT ck_documents_4 CHECK (char_length(storage_key) <= 512),
    mime_type         text CONSTRAINT ck_documents_5 CHECK (char_length(mime_type) <= 120),
    size_bytes        bigint      NOT NULL DEFAULT 0 CONSTRAINT ck_documents_6 CHECK (size_bytes >= 0),
    content_hash      bytea CONSTRAINT ck_documents_7 CHECK (octet_length(content_hash) = 32),
    language          text CONSTRAINT ck_documents_8 CHECK (char_length(language) <= 16),
    metadata          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_documents_9 CHECK (jsonb_typeof(metadata) = 'object'),
    audience          text[]      NOT NULL DEFAULT '{}',
    status            text        NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_documents_10 CHECK (status IN ('pending', 'extracting', 'chunking', 'embedding', 'ready', 'failed', 'stale')),
    error_code        text CONSTRAINT ck_documents_11 CHECK (char_length(error_code) <= 64),
    error_message     text CONSTRAINT ck_documents_12 CHECK (char_length(error_message) <= 2000),
    chunk_count       integer     NOT NULL DEFAULT 0 CONSTRAINT ck_documents_13 CHECK (chunk_count >= 0),
    token_count       integer     NOT NULL DEFAULT 0 CONSTRAINT ck_documents_14 CHECK (token_count >= 0),
    refresh_interval  interval,
    next_refresh_at   timestamptz,
    processed_at      timestamptz,
    claimed_until     timestamptz,
    attempts          integer     NOT NULL DEFAULT 0 CONSTRAINT ck_documents_15 CHECK (attempts >= 0),
    created_by        uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    CONSTRAINT uq_documents_1 UNIQUE (organization_id, id),
    CONSTRAINT ck_documents_16 CHECK (source_type NOT IN ('url', 'sitemap') OR source_url IS NOT NULL),
    CONSTRAINT fk_documents_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_documents_knowledge_base_id FOREIGN KEY (organization_id, knowledge_base_id)
        REFERENCES knowledge_bases (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_documents_created_by FOREIGN KEY (created_by)
        REFERENCES users (id) ON DELETE SET NULL
);
COMMENT ON TABLE documents IS 'one source: uploaded file, web page, pasted text, FAQ list or synced record';

CREATE UNIQUE INDEX uq_documents_2 ON documents (knowledge_base_id, content_hash)
    WHERE deleted_at IS NULL AND status <> 'failed';
CREATE INDEX ix_documents_1 ON documents (organization_id, knowledge_base_id, created_at DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_documents_2 ON documents (created_at) WHERE status IN ('pending', 'stale');
CREATE INDEX ix_documents_3 ON documents (next_refresh_at)
    WHERE next_refresh_at IS NOT NULL AND deleted_at IS NULL;
-- for foreign keys that no index above serves
CREATE INDEX ix_documents_4 ON documents (organization_id, knowledge_base_id);

CREATE TRIGGER touch BEFORE UPDATE ON documents
    FOR EACH ROW EXECUTE FUNCTION app.touch();

CREATE TABLE chunks (
    id                uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid        NOT NULL,
    document_id       uuid        NOT NULL,
    knowledge_base_id uuid        NOT NULL,
    generation        integer     NOT NULL DEFAULT 1
        CONSTRAINT ck_chunks_1 CHECK (generation BETWEEN 1 AND 1000000),
    seq               integer     NOT NULL CONSTRAINT ck_chunks_2 CHECK (seq >= 0),
    content           text        NOT NULL CONSTRAINT ck_chunks_3 CHECK (char_length(content) <= 20000),
    content_hash      bytea       NOT NULL CONSTRAINT ck_chunks_4 CHECK (octet_length(content_hash) = 32),
    heading_path      text CONSTRAINT ck_chunks_5 CHECK (char_length(heading_path) <= 500),
    language          text        NOT NULL DEFAULT 'en'
        CONSTRAINT ck_chunks_6 CHECK (char_length(language) <= 16),
    token_count       integer     NOT NULL DEFAULT 0 CONSTRAINT ck_chunks_7 CHECK (token_count >= 0),
    char_start        integer CONSTRAINT ck_chunks_8 CHECK (char_start >= 0),
    char_end          integer CONSTRAINT ck_chunks_9 CHECK (char_end >= 0),
    page_no           integer CONSTRAINT ck_chunks_10 CHECK (page_no >= 0),
    metadata          jsonb       NOT NULL DEFAULT '{}'
        CONSTRAINT ck_chunks_11 CHECK (jsonb_typeof(metadata) = 'object'),
    embedding         halfvec CONSTRAINT ck_chunks_12 CHECK (l2_norm(embedding) > 0),
    embedding_model   text CONSTRAINT ck_chunks_13 CHECK (char_length(embedding_model) <= 120),
    embedded_at       timestamptz,
    content_tsv       tsvector    GENERATED ALWAYS AS (app.text_vector(language, content)) STORED,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_chunks_1 UNIQUE (document_id, generation, seq),
    CONSTRAINT fk_chunks_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_chunks_document_id FOREIGN KEY (organization_id, document_id)
        REFERENCES documents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_chunks_knowledge_base_id FOREIGN KEY (organization_id, knowledge_base_id)
        REFERENCES knowledge_bases (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE chunks IS 'a passage of a document with its embedding and full-text vector';

CREATE INDEX ix_chunks_1 ON chunks USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops)
    WITH (m = 16, ef_construction = 64)
    WHERE vector_dims(embedding) = 384;
CREATE INDEX ix_chunks_2 ON chunks USING gin (content_tsv);
CREATE INDEX ix_chunks_3 ON chunks (organization_id, knowledge_base_id, generation);
CREATE INDEX ix_chunks_4 ON chunks USING gin (content gin_trgm_ops);

CREATE TABLE agent_knowledge_bases (
    id                uuid             PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id   uuid             NOT NULL,
    agent_id          uuid             NOT NULL,
    knowledge_base_id uuid             NOT NULL,
    priority          integer          NOT NULL DEFAULT 0,
    top_k             integer          NOT NULL DEFAULT 6
        CONSTRAINT ck_agent_knowledge_bases_1 CHECK (top_k BETWEEN 1 AND 50),
    min_score         double precision NOT NULL DEFAULT 0.2
        CONSTRAINT ck_agent_knowledge_bases_2 CHECK (min_score BETWEEN 0 AND 1),
    is_enabled        boolean          NOT NULL DEFAULT true,
    created_at        timestamptz      NOT NULL DEFAULT now(),
    updated_at        timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT uq_agent_knowledge_bases_1 UNIQUE (agent_id, knowledge_base_id),
    CONSTRAINT fk_agent_knowledge_bases_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_knowledge_bases_agent_id FOREIGN KEY (organization_id, agent_id)
        REFERENCES agents (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_agent_knowledge_bases_knowledge_base_id FOREIGN KEY (organization_id, knowledge_base_id)
        REFERENCES knowledge_bases (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE agent_knowledge_bases IS 'knowledge bases an agent may consult, in order';

CREATE INDEX ix_agent_knowledge_bases_1 ON agent_knowledge_bases (organization_id, agent_id, priority)
    WHERE is_enabled;
-- for foreign keys that no index above serves
CREATE INDEX ix_agent_knowledge_bases_2 ON agent_knowledge_bases (organization_id, knowledge_base_id);

CREATE TRIGGER touch BEFORE UPDATE ON agent_knowledge_bases
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
