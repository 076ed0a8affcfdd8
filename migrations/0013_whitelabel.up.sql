SET LOCAL ROLE bb_owner;

CREATE TABLE whitelabel_settings (
    id                 uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    organization_id    uuid        NOT NULL,
    brand_name         text        NOT NULL
        CONSTRAINT ck_whitelabel_settings_1 CHECK (char_length(brand_name) <= 100),
    company_name       text CONSTRAINT ck_whitelabel_settings_2 CHECK (char_length(company_name) <= 160),
    company_url        text
        CONSTRAINT ck_whitelabel_settings_3 CHECK (company_url ~* '^https?://[^[:space:]]+$' AND char_length(company_url) <= 2048),
    logo_url           text
        CONSTRAINT ck_whitelabel_settings_4 CHECK (logo_url ~* '^https?://[^[:space:]]+$' AND char_length(logo_url) <= 2048),
    logo_dark_url      text
        CONSTRAINT ck_whitelabel_settings_5 CHECK (logo_dark_url ~* '^https?://[^[:space:]]+$' AND char_length(logo_dark_url) <= 2048),
    favicon_url        text
        CONSTRAINT ck_whitelabel_settings_6 CHECK (favicon_url ~* '^https?://[^[:space:]]+$' AND char_length(favicon_url) <= 2048),
    primary_color      text        NOT NULL DEFAULT '#2563eb'
        CONSTRAINT ck_whitelabel_settings_7 CHECK (primary_color ~ '^#[0-9a-fA-F]{6}$'),
    secondary_color    text CONSTRAINT ck_whitelabel_settings_8 CHECK (secondary_color ~ '^#[0-9a-fA-F]{6}$'),
    accent_color       text CONSTRAINT ck_whitelabel_settings_9 CHECK (accent_color ~ '^#[0-9a-fA-F]{6}$'),
    background_color   text CONSTRAINT ck_whitelabel_settings_10 CHECK (background_color ~ '^#[0-9a-fA-F]{6}$'),
    text_color         text CONSTRAINT ck_whitelabel_settings_11 CHECK (text_color ~ '^#[0-9a-fA-F]{6}$'),
    custom_domain      text
        CONSTRAINT ck_whitelabel_settings_12 CHECK (custom_domain ~* '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$' AND char_length(custom_domain) <= 253),
    domain_status      text        NOT NULL DEFAULT 'none'
        CONSTRAINT ck_whitelabel_settings_13 CHECK (domain_status IN ('none', 'pending', 'verified', 'failed')),
    domain_token       text CONSTRAINT ck_whitelabel_settings_14 CHECK (char_length(domain_token) <= 64),
    domain_verified_at timestamptz,
    tls_status         text        NOT NULL DEFAULT 'none'
        CONSTRAINT ck_whitelabel_settings_15 CHECK (tls_status IN ('none', 'issuing', 'active', 'failed')),
    tls_not_after      timestamptz,
    support_email      citext
        CONSTRAINT ck_whitelabel_settings_16 CHECK (support_email::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(support_email::text) <= 254),
    mail_from_name     text CONSTRAINT ck_whitelabel_settings_17 CHECK (char_length(mail_from_name) <= 100),
    mail_from_address  citext
        CONSTRAINT ck_whitelabel_settings_18 CHECK (mail_from_address::text ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(mail_from_address::text) <= 254),
    mail_domain_status text        NOT NULL DEFAULT 'none'
        CONSTRAINT ck_whitelabel_settings_19 CHECK (mail_domain_status IN ('none', 'pending', 'verified', 'failed')),
    mail_footer        text CONSTRAINT ck_whitelabel_settings_20 CHECK (char_length(mail_footer) <= 2000),
    privacy_url        text
        CONSTRAINT ck_whitelabel_settings_21 CHECK (privacy_url ~* '^https?://[^[:space:]]+$' AND char_length(privacy_url) <= 2048),
    terms_url          text
        CONSTRAINT ck_whitelabel_settings_22 CHECK (terms_url ~* '^https?://[^[:space:]]+$' AND char_length(terms_url) <= 2048),
    show_powered_by    boolean     NOT NULL DEFAULT true,
    custom_css         text CONSTRAINT ck_whitelabel_settings_23 CHECK (char_length(custom_css) <= 20000),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_whitelabel_settings_1 UNIQUE (organization_id),
    CONSTRAINT ck_whitelabel_settings_24 CHECK (domain_status = 'none' OR custom_domain IS NOT NULL),
    CONSTRAINT fk_whitelabel_settings_organization_id FOREIGN KEY (organization_id)
        REFERENCES organizations (id) ON DELETE CASCADE
);
COMMENT ON TABLE whitelabel_settings IS 'branding, custom domain and mail identity of one organization';

CREATE UNIQUE INDEX uq_whitelabel_settings_2 ON whitelabel_settings (lower(custom_domain))
    WHERE domain_status = 'verified';
CREATE INDEX ix_whitelabel_settings_1 ON whitelabel_settings (domain_status)
    WHERE domain_status = 'pending';

CREATE TRIGGER touch BEFORE UPDATE ON whitelabel_settings
    FOR EACH ROW EXECUTE FUNCTION app.touch();

RESET ROLE;
