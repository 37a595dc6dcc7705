-- Who may come in: people, programs, browsers that are signed in, first links; how often somebody tried; and secrets, encrypted.
-- Of what opens a door only a hash is kept.

create table mainspring.users (
    name        text    primary key,  -- lower case
    role        text    not null,
    tenants     text,  -- a JSON list; null: all of them
    teams       text    not null default '[]',
    password    text,  -- as argon2 writes it; null: nobody signs in with one
    is_enabled  integer not null default 1,
    created_at  integer not null,
    created_by  text,
    changed_at  integer not null,
    changed_by  text,
    seen_at     integer  -- the latest sign-in
) strict;

create table mainspring.tokens (
    id          text    primary key,  -- what people call it by; no secret
    hash        text    not null unique,
    label       text    not null,
    user_name   text,  -- whose it is: it can never do more, and goes with its owner; null: its own
    role        text    not null,
    verbs       text,  -- JSON lists; null: all that the role has
    tenants     text,
    tasks       text,
    created_at  integer not null,
    created_by  text,
    expires_at  integer,
    revoked_at  integer,
    revoked_by  text,
    used_at     integer,  -- written once a minute at most
    used_from   text
) strict;
create index mainspring.tokens_user on mainspring.tokens (user_name) where user_name is not null;

create table mainspring.sessions (
    hash        text    primary key,
    id          text    not null unique,
    kind        text    not null,  -- local, link, oidc
    name        text    not null,
    rights      text,  -- as another house said at the sign-in, JSON; null: the user's row decides
    created_at  integer not null,
    seen_at     integer not null,
    idle_at     integer not null,  -- when it is over unless it is used before
    expires_at  integer not null,  -- when it is over in any case
    address     text,
    agent       text
) strict;
create index mainspring.sessions_name on mainspring.sessions (name);
create index mainspring.sessions_expires on mainspring.sessions (expires_at);

create table mainspring.links (                       -- each lets one browser in, once
    hash        text    primary key,
    role        text    not null,
    created_at  integer not null,
    created_by  text,
    expires_at  integer not null,
    used_at     integer,
    used_from   text
) strict;

create table mainspring.sign_ins (                    -- how often it was tried; there are as many slots as there can ever be rows
    slot        text    primary key,
    tries       integer not null,
    since       integer not null
) strict;

create table mainspring.secrets (
    name        text    primary key,
    sealed      text    not null,  -- encrypted, with its name inside
    key_id      text    not null,  -- which key opens it, as the beginning of a hash
    created_at  integer not null,
    changed_at  integer not null,
    changed_by  text,
    reason      text
) strict;
