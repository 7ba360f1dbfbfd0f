-- Comments of foreign keys that are taken off for a copy, or that are made when the copy has ended.

create table pgcascade.foreign_key_comment (
    from_table  text not null,
    fkey_name   text not null,
    comment     text not null,
    constraint foreign_key_comment_pkey primary key (from_table, fkey_name)
);
comment on table pgcascade.foreign_key_comment is 'Comments of the foreign keys in londiste.pending_fkeys, which has no place for them.';
comment on column pgcascade.foreign_key_comment.from_table is 'Referencing table: schema.table, unquoted.';
comment on column pgcascade.foreign_key_comment.fkey_name is 'Name of the constraint, unquoted.';
comment on column pgcascade.foreign_key_comment.comment is 'The comment.';
