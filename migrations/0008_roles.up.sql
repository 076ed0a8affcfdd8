SET LOCAL ROLE bb_owner;

CREATE TABLE roles (
    id          uuid        PRIMARY KEY DEFAULT app.uuid_v7(),
    code        text        NOT NULL CONSTRAINT ck_roles_1 CHECK (code IN ('owner', 'admin', 'member', 'viewer')),
    name        text        NOT NULL CONSTRAINT ck_roles_2 CHECK (char_length(name) <= 60),
    description text CONSTRAINT ck_roles_3 CHECK (char_length(description) <= 300),
    rank        integer     NOT NULL CONSTRAINT ck_roles_4 CHECK (rank BETWEEN 1 AND 100),
    permissions text[]      NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_roles_1 UNIQUE (code),
    CONSTRAINT uq_roles_2 UNIQUE (rank),
    CONSTRAINT ck_roles_5 CHECK (app.valid_permissions(permissions))
);
COMMENT ON TABLE roles IS 'the four built-in membership roles; seeded by migration, read-only at run time';

-- Seeded here and read-only at run time. Permissions are areas and verbs as app.valid_permissions knows them.
INSERT INTO roles (id, code, name, description, rank, permissions) VALUES
    ('01900000-0000-7000-8000-000000000001', 'owner', 'Owner',
     'Everything, with billing and the organization itself', 100, '{*}'),
    ('01900000-0000-7000-8000-000000000002', 'admin', 'Admin',
     'Everything but ownership and deleting the organization', 80,
     '{organization:read,organization:write,organization:manage,member:*,role:*,billing:read,audit:*,token:*,integration:*,webhook:*,sso:*,plugin:*,bot:*,flow:*,nlu:*,agent:*,tool:*,knowledge:*,model:*,experiment:*,channel:*,contact:*,conversation:*,template:*,widget:*,voice:*,clone:*,recovery:*,health:*,usage:*,analytics:*}'),
    ('01900000-0000-7000-8000-000000000003', 'member', 'Member',
     'Creates and edits bots, flows, knowledge, conversations and draft campaigns', 50,
     '{organization:read,member:read,role:read,integration:read,webhook:read,plugin:read,bot:read,bot:write,flow:read,flow:write,nlu:read,nlu:write,nlu:execute,agent:read,agent:write,agent:execute,tool:read,tool:write,tool:execute,knowledge:read,knowledge:write,model:read,experiment:read,experiment:write,channel:read,contact:read,contact:write,conversation:read,conversation:write,conversation:assign,template:read,template:write,widget:read,widget:write,voice:read,voice:write,clone:read,clone:write,clone:execute,recovery:read,recovery:write,health:read,usage:read,analytics:read}'),
    ('01900000-0000-7000-8000-000000000004', 'viewer', 'Viewer', 'Reads', 10,
     '{organization:read,member:read,role:read,plugin:read,bot:read,flow:read,nlu:read,agent:read,tool:read,knowledge:read,model:read,experiment:read,channel:read,contact:read,conversation:read,template:read,widget:read,voice:read,clone:read,recovery:read,health:read,usage:read,analytics:read}');

RESET ROLE;
